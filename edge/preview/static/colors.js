// Distinguishable with red-green color blindness (after Okabe and Ito, 2008); a name always accompanies the color.
const COLORS = {
  angry: "#d55e00", disgust: "#009e73", fear: "#aa4499", happy: "#f0b000", sad: "#0072b2", surprise: "#56b4e9",
  neutral: "#98a4af", contempt: "#999933",
};
export const UNCERTAIN = "uncertain";

export function colorOf(label) {
  return COLORS[label] ?? "#98a4af";
}

export function swatch(label) {
  const element = document.createElement("span");
  element.ariaHidden = "true";
  paintSwatch(element, label);
  return element;
}

export function paintSwatch(element, label) {
  element.className = label === UNCERTAIN ? "swatch uncertain" : "swatch";
  element.style.setProperty("--color", colorOf(label));
}

export function percent(share) {
  return `${Math.round(share * 100)}%`;
}
