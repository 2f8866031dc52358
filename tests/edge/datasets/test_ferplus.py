import numpy as np
import pytest

from edge.datasets.ferplus import VOTE_COLUMNS, relabel_by_votes, winners
from edge.datasets.reader import Faces, load_dataset
from edge.errors import DataError, WrongUseError
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS


def ballot(**counts):
    return [counts.get(column, 0) for column in VOTE_COLUMNS]


def faces_of(*ballots):
    n = len(ballots)
    images = np.arange(n, dtype=np.uint8).repeat(48 * 48).reshape(n, 48, 48)
    votes = np.array(ballots, np.uint8)
    return Faces(images, np.zeros(n, np.int64), np.arange(n) * 10, FER2013_LABELS, votes)


def test_winners():
    ballots = {
        "happy": ballot(happy=6, neutral=4),
        "contempt": ballot(contempt=3, sad=2, unknown=2, NF=2, angry=1),
        None: ballot(happy=5, neutral=5),
        "tied with unknown": ballot(happy=5, unknown=5),
        "unknown": ballot(happy=4, unknown=6),
        "NF": ballot(NF=10),
        "nobody": ballot(),
        "single": ballot(fear=1),
    }
    assert winners(np.array(list(ballots.values()), np.uint8)).tolist() == [3, 7, -1, -1, -1, -1, -1, 2]
    assert winners(np.empty((0, 10), np.uint8)).tolist() == []


def test_majority_keeps_the_faces_with_a_winner():
    faces = faces_of(
        ballot(happy=5, neutral=5), ballot(contempt=9, NF=1), ballot(NF=10), ballot(sad=4, fear=3, angry=3)
    )
    got = relabel_by_votes(faces, "majority")
    assert got.labels == EIGHT_LABELS
    assert [got.labels[i] for i in got.class_ids] == ["contempt", "sad"]
    assert got.rows.tolist() == [10, 30]
    assert got.images[:, 0, 0].tolist() == [1, 3]
    assert got.votes.tolist() == faces.votes[[1, 3]].tolist()
    assert got.targets is None


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"happy": 10}, {"happy": 1.0}),
        # A single vote is a slip.
        ({"happy": 9, "sad": 1}, {"happy": 1.0}),
        ({"angry": 5, "disgust": 3, "fear": 1, "sad": 1}, {"angry": 0.625, "disgust": 0.375}),
        # 75 % are enough: what comes after is left out.
        ({"angry": 6, "sad": 2, "fear": 2}, {"angry": 0.6, "sad": 0.2, "fear": 0.2}),
        ({"angry": 8, "sad": 2}, {"angry": 1.0}),
        ({"happy": 5, "neutral": 5}, {"happy": 0.5, "neutral": 0.5}),
        # Unknown or NF comes first, ties, or is half.
        ({"unknown": 6, "happy": 4}, None),
        ({"NF": 10}, None),
        ({"unknown": 5, "happy": 5}, None),
        ({"happy": 4, "unknown": 3, "NF": 3}, None),
        # Unknown after more than half of the votes changes nothing.
        ({"happy": 6, "unknown": 4}, {"happy": 1.0}),
        ({"happy": 4, "unknown": 3, "sad": 3}, {"happy": 4 / 7, "sad": 3 / 7}),
        # More than three expressions.
        ({"angry": 4, "sad": 2, "fear": 2, "neutral": 2}, None),
        ({"angry": 3, "sad": 3, "fear": 2, "neutral": 2}, None),
        ({"angry": 1, "sad": 1, "fear": 1}, None),
        ({}, None),
    ],
)
def test_probability_as_its_authors_do_it(counts, expected):
    got = relabel_by_votes(faces_of(ballot(**counts), ballot(surprise=10)), "probability")
    assert got.rows.tolist()[-1] == 10
    assert got.targets.dtype == np.float32
    assert got.targets.shape == (len(got), 8)
    if expected is None:
        assert len(got) == 1
        return
    assert got.rows[0] == 0
    row = {label: float(p) for label, p in zip(EIGHT_LABELS, got.targets[0], strict=True) if p}
    assert row == pytest.approx(expected)
    assert row[got.labels[got.class_ids[0]]] == max(row.values())


def one_by_one(votes):
    """The same rules for one face, in words: `{label: probability}`, or None."""
    counts = {column: int(n) for column, n in zip(VOTE_COLUMNS, votes, strict=True) if n > 1}
    total, got = sum(counts.values()), {}
    for most in sorted(set(counts.values()), reverse=True):
        tied = {column for column, n in counts.items() if n == most}
        got |= dict.fromkeys(tied & set(EIGHT_LABELS), most)
        if tied - set(EIGHT_LABELS) or len(got) >= 3 or sum(got.values()) >= 0.75 * total:
            break
    whole = sum(got.values())
    return {label: n / whole for label, n in got.items()} if 2 * whole > total and len(got) <= 3 else None


def test_probability_on_many_ballots():
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.full(10, 0.4), 3000)
    votes = np.array([random.multinomial(random.integers(0, 11), share) for share in shares]).astype(np.uint8)
    faces = Faces(np.zeros((3000, 48, 48), np.uint8), np.zeros(3000, np.int64), np.arange(3000), FER2013_LABELS, votes)
    got = relabel_by_votes(faces, "probability")
    expected = {row: found for row, counts in enumerate(votes) if (found := one_by_one(counts))}
    assert 1000 < len(expected) < 2900
    assert got.rows.tolist() == list(expected)
    for targets, found in zip(got.targets, expected.values(), strict=True):
        assert {EIGHT_LABELS[i]: targets[i] for i in np.flatnonzero(targets)} == pytest.approx(found)


def test_without_votes_or_agreement():
    faces = faces_of(ballot(NF=10), ballot(happy=5, NF=5))
    for mode in ("majority", "probability"):
        with pytest.raises(DataError, match="expected at least one"):
            relabel_by_votes(faces, mode)
    bare = Faces(faces.images, faces.class_ids, faces.rows, faces.labels)
    with pytest.raises(DataError, match=r"give --votes fer2013new\.csv"):
        relabel_by_votes(bare, "majority")
    with pytest.raises(WrongUseError, match="expected one of majority, probability"):
        relabel_by_votes(faces, "mean")


def test_the_real_votes(fer2013, ferplus):
    faces = load_dataset(fer2013, ("PublicTest",), votes=ferplus)["PublicTest"]
    majority, probability = relabel_by_votes(faces, "majority"), relabel_by_votes(faces, "probability")
    assert np.bincount(majority.class_ids).tolist() == [310, 31, 73, 880, 395, 441, 1242, 24]
    assert np.bincount(probability.class_ids).tolist() == [333, 37, 88, 900, 433, 453, 1238, 23]
    assert np.allclose(probability.targets.sum(axis=1), 1)
    place = {row: i for i, row in enumerate(faces.rows.tolist())}
    for got in (majority, probability):
        same = [place[row] for row in got.rows.tolist()]
        assert (got.images == faces.images[same]).all()
        assert (got.votes == faces.votes[same]).all()
        # Voters and FER-2013 agree about most faces; of a row beside they would by chance alone.
        assert (got.class_ids == faces.class_ids[same]).mean() > 0.6
        assert (got.class_ids[1:] == faces.class_ids[same][:-1]).mean() < 0.3
