import { Connection } from "./connection.js";
import { Faces } from "./faces.js";
import { Latency } from "./latency.js";
import { Timeline } from "./timeline.js";
import { Picture } from "./picture.js";
import { Speech } from "./speech.js";
import { Status } from "./status.js";

const at = (id) => document.getElementById(id);
const picture = new Picture(at("canvas"));
const faces = new Faces(at("face-list"), at("no-face"));
const minutes = new Timeline(at("strip"), at("strip-from"), at("legend"));
const latency = new Latency(at("stages"));
const speech = new Speech(at("spoken"));
const status = new Status({
  pill: at("state"), text: at("state-text"), veil: at("veil"), title: at("veil-title"), detail: at("veil-detail"),
  retry: at("retry"), main: document.querySelector("main"), rate: at("rate"), name: at("source-name"), notice: at("notice"),
  stored: at("nothing-stored"),
});

const connection = new Connection({
  onLink: (link) => status.link(link),
  onState: (state) => status.source(state),
  onMinutes: (columns) => minutes.show(columns),
  onFrame: async (head, jpeg) => {
    await picture.show(head, jpeg);
    faces.show(head);
    latency.show(head.latency_ms);
    speech.show(head);
    status.frame(head);
  },
});
at("retry").addEventListener("click", () => connection.tryNow());
connection.tryNow();
