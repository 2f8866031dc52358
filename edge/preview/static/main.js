import { Cameras } from "./cameras.js";
import { Connection } from "./connection.js";
import { Faces } from "./faces.js";
import { Latency } from "./latency.js";
import { Picture } from "./picture.js";
import { Speech } from "./speech.js";
import { Status } from "./status.js";
import { Timeline } from "./timeline.js";

const byId = (id) => document.getElementById(id);
const picture = new Picture(byId("canvas"));
const faces = new Faces(byId("face-list"), byId("no-face"));
const timeline = new Timeline(byId("strip"), byId("strip-from"), byId("legend"));
const latency = new Latency(byId("stages"));
const speech = new Speech(byId("announcement"));
const status = new Status({
  badge: byId("state"), badgeText: byId("state-text"), overlay: byId("overlay"), title: byId("overlay-title"),
  detail: byId("overlay-detail"), retry: byId("retry"), main: document.querySelector("main"), rate: byId("rate"),
  sourceName: byId("source-name"), notice: byId("notice"), nothingStored: byId("nothing-stored"),
});

const cameras = new Cameras(byId("cameras"), (name) => {
  // What another camera showed must not stay.
  picture.clear();
  faces.show({ faces: [], labels: [] });
  status.forgetFrame();
  connection.chooseCamera(name);
});
const connection = new Connection({
  onCameras: (names) => cameras.show(names),
  onNoCamera: () => cameras.forget(),
  onConnection: (state) => status.setConnection(state),
  onState: (state) => status.setSource(state),
  onTimeline: (columns) => timeline.show(columns),
  onFrame: async (head, jpeg, isCurrent) => {
    if (!(await picture.show(head, jpeg, isCurrent))) return;
    faces.show(head);
    latency.show(head.latency_ms);
    speech.show(head);
    status.noteFrame(head);
  },
});
connection.camera = cameras.chosen;
byId("retry").addEventListener("click", () => connection.connect());
connection.connect();
