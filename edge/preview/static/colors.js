// Told apart by people who do not see red and green (after Okabe and Ito, 2008); a name stands beside each all the same.
const COLOURS = {
  angry: "#d55e00", disgust: "#009e73", fear: "#aa4499", happy: "#f0b000", sad: "#0072b2", surprise: "#56b4e9",
  neutral: "#98a4af", contempt: "#999933",
};
export const UNCERTAIN = "uncertain";

export function colourOf(label) {
  return COLOURS[label] ?? "#98a4af";
}

export function swatch(label) {
  const mark = document.createElement("span");
  mark.ariaHidden = "true";
  paintSwatch(mark, label);
  return mark;
}

export function paintSwatch(mark, label) {
  mark.className = label === UNCERTAIN ? "swatch uncertain" : "swatch";
  mark.style.setProperty("--colour", colourOf(label));
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}
