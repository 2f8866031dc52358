"""What comes with photographs for `mien benchmark wild`: their groups, and the boxes of their faces."""

from edge.benchmark.face_matching import match_faces
from edge.benchmark.group_columns import MAX_VALUES, group_by_csv, group_values
from edge.benchmark.photographs import Photograph
from edge.benchmark.wider_face import read_wider
from edge.types import Detection
from tests.fuzz.target import Target


class GroupsCsv(Target):
    """A CSV of groups."""

    name = "groups"
    kind = "lines"
    tokens = (b"file", b",age", b"happy/a.jpg", b"b.jpg", b'"', b"\r", b"\xef\xbb\xbf", b"\0")

    def run(self, data: bytes) -> None:
        path = self.folder / "groups.csv"
        path.write_bytes(data)
        photographs = [Photograph(self.folder / name, name) for name in ("happy/a.jpg", "sad/b.jpg", "c.jpg")]
        found, notes = group_by_csv(photographs, path)
        assert [photograph.name for photograph in found] == [photograph.name for photograph in photographs]
        assert all(len(values) <= MAX_VALUES for values in group_values(found).values())
        assert all("\n" not in note for note in notes)


class WiderBoxes(Target):
    """Boxes in the text format of WIDER FACE."""

    name = "boxes"
    kind = "lines"
    tokens = (b"0", b"1", b"-1", b"99999999", b"a.jpg\n1\n", b"..", b"/", b" 0 0 0 1 0 0")

    def run(self, data: bytes) -> None:
        path = self.folder / "boxes.txt"
        path.write_bytes(data)
        for picture in read_wider(path):
            detections = [Detection(face.box, 0.9) for face in picture.faces if face.box[2] > 0 and face.box[3] > 0]
            matches = match_faces(detections, picture.faces, (640, 480))
            assert 0 <= matches.false <= len(detections)
            assert len(matches.faces) <= len(picture.faces)
