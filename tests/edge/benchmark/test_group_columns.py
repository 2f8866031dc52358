import pytest

from edge.benchmark.group_columns import group_by_csv, group_by_name, group_values, parse_name_pattern
from edge.benchmark.photographs import Photograph
from edge.errors import DataError, WrongUseError


def photographs(tmp_path, *names):
    return [Photograph(tmp_path / name, name) for name in names]


def groups(found):
    return [photograph.groups for photograph in found]


def test_groups_from_file_names(tmp_path):
    parts = parse_name_pattern("ID_gender_ethnicity")
    found, notes = group_by_name(photographs(tmp_path, "happy/001_female_white.jpg", "004_male_east_asian.jpg"), parts)
    assert groups(found) == [
        {"gender": "female", "ethnicity": "white"},
        {"gender": "male", "ethnicity": "east_asian"},
    ]
    assert not notes
    assert group_values(found) == {"gender": ["female", "male"], "ethnicity": ["east_asian", "white"]}


def test_names_with_fewer_parts_are_in_no_group(tmp_path):
    found, notes = group_by_name(photographs(tmp_path, "a_old.jpg", "b.jpg"), parse_name_pattern("id_age"))
    assert groups(found) == [{"age": "old"}, {}]
    assert notes == ["no groups for 1 picture (b.jpg): expected names like id_age"]
    with pytest.raises(DataError, match=r"no file name has 2 parts: expected names like id_age.jpg, got b.jpg"):
        group_by_name(photographs(tmp_path, "b.jpg"), parse_name_pattern("id_age"))


@pytest.mark.parametrize("pattern", ["", "_", "ID", "age_age", "a__b", "a b"])
def test_wrong_patterns(pattern):
    with pytest.raises(WrongUseError, match="expected different names joined by underscores"):
        parse_name_pattern(pattern)


def test_a_part_with_many_values_is_no_group(tmp_path):
    many = photographs(tmp_path, *(f"{i}_old.jpg" for i in range(21)))
    with pytest.raises(DataError, match="person has 21 values: expected at most 20 groups; name a part"):
        group_by_name(many, parse_name_pattern("person_age"))


def test_groups_from_a_csv(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("\ufefffile,age,glasses\nhappy/a.jpg,old,yes\nb.jpg,young,\nz.jpg,old,no\n", "utf-8")
    found, notes = group_by_csv(photographs(tmp_path, "happy/a.jpg", "sad/b.jpg", "c.jpg"), path)
    assert groups(found) == [{"age": "old", "glasses": "yes"}, {"age": "young"}, {}]
    assert notes == [
        "no groups for 1 picture (c.jpg): groups.csv does not name them",
        "groups.csv names 1 picture (z.jpg) that the data does not have",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file,age\nx.jpg,old\n", "names none of the pictures: it has x.jpg, the data has a.jpg"),
        ("", "has the columns []"),
        ("name,age\na.jpg,old\n", "has the columns ['name', 'age']: expected file and one for each"),
        ("file\na.jpg\n", "has the columns ['file']"),
        ("file,age,age\na.jpg,1,2\n", "has the columns"),
        ("file,age\na.jpg,old\na.jpg,young\n", "line 3: 'a.jpg' is named twice"),
        ('file,age\n"a.jpg,old\n', "is no CSV file in UTF-8"),
    ],
)
def test_wrong_csv_files(tmp_path, text, complaint):
    path = tmp_path / "groups.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError) as raised:
        group_by_csv(photographs(tmp_path, "a.jpg"), path)
    assert complaint in str(raised.value)


def test_a_csv_that_is_none(tmp_path):
    path = tmp_path / "groups.csv"
    with pytest.raises(DataError, match="cannot read"):
        group_by_csv(photographs(tmp_path, "a.jpg"), path)
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match="is no CSV file in UTF-8"):
        group_by_csv(photographs(tmp_path, "a.jpg"), path)


def test_a_group_in_names_and_csv(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("file,age\n1_old.jpg,young\n", "utf-8")
    named, _ = group_by_name(photographs(tmp_path, "1_old.jpg"), parse_name_pattern("ID_age"))
    with pytest.raises(WrongUseError, match="the group age is in the file names and in the CSV"):
        group_by_csv(named, path)
