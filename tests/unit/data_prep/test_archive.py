"""Reading members out of archives: hostile, damaged and cut ones included."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.archive import extract_members
from nmt.errors import UserError

CONTENT = {"training/a.en": b"one\ntwo\n" * 9000, "training/a.de": b"eins\nzwei\n" * 9000}
NAMES = list(CONTENT)


def pack(path: Path, members: list[tuple[str, bytes]], *, compress: bool = True) -> Path:
    with tarfile.open(path, "w:gz" if compress else "w") as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def extract(archive: Path, out: Path, names: list[str] = NAMES, checksum: str | None = None) -> str:
    places = {name: out / Path(name).name for name in names}
    return extract_members(archive, places, checksum=checksum, repair="Delete it.")


def test_progress_ends_with_the_whole_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.archive._MEGABYTE", 1)
    archive = pack(tmp_path / "a.tar", list(CONTENT.items()), compress=False)
    seen: list[tuple[int, int, str]] = []
    places = {name: tmp_path / Path(name).name for name in NAMES}
    extract_members(archive, places, repair="", progress=lambda done, total, note: seen.append((done, total, note)))
    size = archive.stat().st_size
    assert seen[-1] == (size, size, "MB of a.tar read")
    assert [event[0] for event in seen] == sorted(event[0] for event in seen)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("algorithm", ["sha256", "md5", None])
def test_members_are_copied_and_the_archive_hashed(tmp_path: Path, compress: bool, algorithm: str | None) -> None:
    archive = pack(tmp_path / "a.tgz", [("./other", b"x"), *CONTENT.items(), ("more", b"y")], compress=compress)
    checksum = algorithm and f"{algorithm}:{hashlib.new(algorithm, archive.read_bytes()).hexdigest()}"
    assert extract(archive, tmp_path / "out", checksum=checksum) == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        Path(name).name: content for name, content in CONTENT.items()
    }


def test_names_in_the_archive_never_become_paths(tmp_path: Path) -> None:
    evil = b"evil"
    names = ["../evil", "/tmp/nmt_evil", f"{tmp_path}/evil", "training/../../evil", "..", "training/./../evil"]
    archive = pack(tmp_path / "a.tgz", [(name, evil) for name in names] + list(CONTENT.items()))
    out = tmp_path / "deep" / "out"
    extract(archive, out)
    assert sorted(path.name for path in out.iterdir()) == ["a.de", "a.en"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "deep"]
    assert not Path("/tmp/nmt_evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_link_under_a_wanted_name_is_no_file(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo(NAMES[0])
        entry.type, entry.linkname = kind, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(UserError, match=r"a\.tgz: expected a member training/a\.en, got an archive without it"):
        extract(tmp_path / "a.tgz", tmp_path / "out", NAMES[:1])
    assert list((tmp_path).iterdir()) == [tmp_path / "a.tgz"]


def test_the_last_of_two_members_of_one_name_counts(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tgz", [("./training/a.en", b"longer than the other"), ("training/a.en", b"last")])
    extract(archive, tmp_path / "out", NAMES[:1])
    assert (tmp_path / "out" / "a.en").read_bytes() == b"last"


@pytest.mark.parametrize("compress", [True, False])
def test_a_cut_archive_leaves_nothing(tmp_path: Path, compress: bool) -> None:
    whole = pack(tmp_path / "a.tgz", list(CONTENT.items()), compress=compress).read_bytes()
    for length in {0, 1, 100, len(whole) // 2, len(whole) * 3 // 4, *([len(whole) - 5] if compress else [])}:
        (tmp_path / "a.tgz").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"a\.tgz: expected .* Delete it"):
            extract(tmp_path / "a.tgz", tmp_path / "out")
        assert not list((tmp_path / "out").glob("*") if (tmp_path / "out").exists() else [])


@given(st.data())
def test_a_damaged_archive_gives_the_right_files_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    content = {"a.en": b"one\n" * 40, "a.de": b"eins\n" * 40}
    bytes_ = bytearray(pack(folder / "a.tgz", list(content.items())).read_bytes())
    # behind gzip's header, whose flags may be anything, everything is under gzip's checksum
    place = data.draw(st.integers(10, len(bytes_) - 1))
    bytes_[place] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "a.tgz").write_bytes(bytes_)
    try:
        extract(folder / "a.tgz", folder / "out", list(content))
    except UserError:
        assert not (folder / "out").exists() or not list((folder / "out").iterdir())
    else:
        assert {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == content


def test_another_archive_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tgz", list(CONTENT.items()))
    for algorithm, length in (("sha256", 64), ("md5", 32)):
        wrong = f"{algorithm}:{'0' * length}"
        found = hashlib.new(algorithm, archive.read_bytes()).hexdigest()
        with pytest.raises(UserError, match=rf"expected an archive with checksum {wrong}, got {algorithm}:{found}"):
            extract(archive, tmp_path / "out", checksum=wrong)
    assert list((tmp_path / "out").iterdir()) == []


def test_no_tar_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(gzip.compress(b"<html>404</html>"))
    with pytest.raises(UserError, match="a damaged one"):
        extract(tmp_path / "a.tgz", tmp_path / "out")
    with pytest.raises(UserError, match=r"none\.tgz: expected a file that can be read or written, got No such file"):
        extract(tmp_path / "none.tgz", tmp_path / "out")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tgz", list(CONTENT.items()))
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(UserError, match=r"out/a\.en: expected a path that can be written to, got Not a directory"):
        extract(archive, tmp_path / "out")


def header(name: bytes, size: int, kind: bytes) -> bytes:
    entry = tarfile.TarInfo(name.decode())
    entry.type = kind
    entry.size = 0
    raw = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    raw[124:136] = b"\x80" + size.to_bytes(11, "big")  # a number of any size, in GNU's way
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_name_of_gigabytes_is_not_read(tmp_path: Path, kind: bytes) -> None:
    whole = gzip.decompress(pack(tmp_path / "a.tgz", list(CONTENT.items())).read_bytes())
    (tmp_path / "a.tar").write_bytes(header(b"././@LongLink", 3 << 30, kind) + whole)
    with pytest.raises(UserError, match="a name or attributes of 3,221,225,472 bytes.*Delete it"):
        extract(tmp_path / "a.tar", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_headers_about_headers_without_end(tmp_path: Path) -> None:
    chain = (header(b"././@LongLink", 512, tarfile.GNUTYPE_LONGNAME) + b"a".ljust(512, b"\0")) * 5000
    (tmp_path / "a.tar").write_bytes(chain)
    with pytest.raises(UserError, match="a damaged one"):
        extract(tmp_path / "a.tar", tmp_path / "out")
