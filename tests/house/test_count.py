"""Tests that each count can fail: `python3 -m unittest discover tests/house`."""

import tempfile
import unittest
from pathlib import Path

import count


def tree(files):
    """A project of a few sources, and its rows by their names."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = Path(folder, "src", path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        rows = count.counts(Path(folder), None)
    return {row.what.strip(): row for row in rows}


class Circles(unittest.TestCase):
    def numbers(self, files):
        rows = tree(files)
        return rows["circles among siblings of a folder"].number, rows["circles of single files"].number

    def test_siblings_that_use_each_other(self):
        files = {
            "lib.rs": "mod a; mod b;",
            "a.rs": "use crate::b::B; pub struct A(B);",
            "b.rs": "pub struct B; fn f() -> super::a::A { todo() }",
        }
        self.assertEqual(self.numbers(files), (1, 1))
        files["b.rs"] = "pub struct B; // crate::a::A\nconst T: &str = \"see crate::a::A\"; /* super::a */"
        self.assertEqual(self.numbers(files), (0, 0))

    def test_deep_below_a_layer(self):
        files = {
            "lib.rs": "mod a;",
            "a.rs": "mod x; mod y;",
            "a/x.rs": "pub(crate) mod deep;",
            "a/x/deep.rs": "use crate::a::y::f; pub fn g() { f() }",
            "a/y.rs": "pub fn f() { crate::a::x::deep::g() }",
        }
        self.assertEqual(self.numbers(files), (1, 1))

    def test_through_the_facade_of_the_parent(self):
        files = {
            "lib.rs": "mod a;",
            "a.rs": "mod x; mod y; pub use x::X; pub(crate) use y::Y as Z;",
            "a/x.rs": "use super::Z; pub struct X(Z);",
            "a/y.rs": "pub struct Y;",
        }
        self.assertEqual(self.numbers(files), (0, 0))
        files["a/y.rs"] = "pub struct Y(super::X);"
        self.assertEqual(self.numbers(files), (1, 1))

    def test_who_may_see_an_item_is_no_use(self):
        files = {
            "lib.rs": "mod a;",
            "a.rs": "mod x; fn f() { x::g() }",
            "a/x.rs": "pub(in crate::a) fn g() {}",
        }
        self.assertEqual(self.numbers(files), (0, 0))
        files["a/x.rs"] = "pub(in crate::a) fn g() { crate::a::f() }"
        self.assertEqual(self.numbers(files), (0, 1))

    def test_a_parent_that_uses_what_uses_it(self):
        files = {
            "lib.rs": "mod a;",
            "a.rs": "mod x; use x::X; pub struct A; fn f() -> X { X }",
            "a/x.rs": "use super::A; pub struct X; impl X { fn a(_: A) {} }",
        }
        self.assertEqual(self.numbers(files), (0, 1))
        files["a.rs"] = "mod x; pub use x::X; pub struct A;"
        self.assertEqual(self.numbers(files), (0, 0))
        # A private `use` that only the modules below reach is a facade too.
        files["a.rs"] = "mod x; mod y; use x::X; pub struct A;"
        files["a/y.rs"] = "use super::X;"
        self.assertEqual(self.numbers(files), (0, 0))

    def test_traits_whose_name_the_code_never_says(self):
        files = {
            "lib.rs": "mod a;",
            "a.rs": "mod x; use x::Speak as _; pub struct A; fn f() { A.speak() }",
            "a/x.rs": "use super::A; pub trait Speak { fn speak(&self); } impl Speak for A { fn speak(&self) {} }",
        }
        self.assertEqual(self.numbers(files), (0, 1))

    def test_tests_may_reach_anywhere(self):
        files = {
            "lib.rs": "mod a; mod b;",
            "a.rs": "use crate::b::B; #[cfg(test)] mod tests; #[cfg(test)] mod testing;",
            "b.rs": "pub struct B; #[cfg(test)] mod more { use crate::a::A; } #[cfg(test)] fn f() { crate::a::f() }",
            "a/tests.rs": "use crate::b;",
            "a/testing.rs": "use super::*;",
        }
        self.assertEqual(self.numbers(files), (0, 0))

    def test_globs_and_names_of_a_module(self):
        files = {
            "lib.rs": "mod a; mod b;",
            "a.rs": "use crate::b; pub struct A; fn f() { b::f() }",
            "b.rs": "use super::a::*; pub fn f() -> A { A }",
        }
        self.assertEqual(self.numbers(files), (1, 1))


class Rooms(unittest.TestCase):
    def test_a_layer_uses_only_layers_below(self):
        files = {
            "lib.rs": "mod tap; mod file; pub use tap::Tap;",
            "tap.rs": "use crate::file::File; pub struct Tap(File);",
            "file.rs": "pub struct File;",
        }
        self.assertEqual(tree(files)["uses of a higher layer"].number, 0)
        files["file.rs"] = "pub struct File; impl File { fn f(_: &crate::tap::Tap) {} }"
        self.assertEqual(tree(files)["uses of a higher layer"].number, 1)

    def test_a_module_that_is_no_layer(self):
        files = {"lib.rs": "mod tap; mod cellar;", "tap.rs": "", "cellar.rs": ""}
        self.assertEqual(tree(files)["modules at the top that are no layer"].instances, ["src/cellar"])


class Files(unittest.TestCase):
    def test_code_lines_alone_count(self):
        what = f"files over {count.MOST_CODE_LINES} code lines"
        text = "// a\n\n" + "fn a() {}\n" * count.MOST_CODE_LINES + "#[cfg(test)]\nmod tests {\n fn b() {}\n}\n"
        self.assertEqual(tree({"lib.rs": text})[what].number, 0)
        self.assertEqual(tree({"lib.rs": text + "fn c() {}\n"})[what].number, 1)

    def test_texts_that_name_a_flag_or_a_command(self):
        what = "texts of the library that name a flag or command"
        for text in ["add --plaintext", "`capture recover` saves it", "write -H 'name: value'", "a --\\\n   b, --force"]:
            files = {"lib.rs": f'mod cli; const A: &str = "{text}";', "cli.rs": f'const A: &str = "{text}";'}
            self.assertEqual(tree(files)[what].number, 1, text)
        for text in ["a capture of it", "protoc --include_imports", "a -- b", "x--y", "the captures info"]:
            self.assertEqual(tree({"lib.rs": f'/// --flag\nconst A: &str = "{text}";'})[what].number, 0, text)


class Homes(unittest.TestCase):
    def number(self, what, path, text):
        module = path.removesuffix(".rs").split("/")
        files = {"lib.rs": f"mod {module[0]};" if module != ["lib"] else text, path: text}
        for at in range(1, len(module)):
            files.setdefault("/".join(module[:at]) + ".rs", f"mod {module[at]};")
        return tree(files)[what].number

    def test_crates_and_clocks_away_from_home(self):
        what = "crates and clocks used away from their home"
        for path, text in [
            ("file/reader.rs", "use bincode::config;"),
            ("file/chunk.rs", "fn f() { let x = bincode::serde::encode(); }"),
            ("file/records.rs", "use bincode;"),
            ("report/text.rs", "fn f() { let d = ::sha2::Sha256::digest(b); }"),
            ("das/job.rs", "use reqwest::Client;"),
            ("model.rs", "impl tonic::codec::Codec for Raw {}"),
            ("tap.rs", "#[derive(clap::Args)] struct A;"),
            ("lib.rs", "fn f() { anstream::println!() }"),
            ("analyze/stats.rs", "fn f() { SystemTime::now(); }"),
            ("analyze/stats.rs", "fn f() { std::time::Instant::now(); }"),
            ("report.rs", "fn f() { jiff::Timestamp::now(); }"),
        ]:
            self.assertEqual(self.number(what, path, text), 1, (path, text))

    def test_at_home_in_tests_and_in_prose_they_are_welcome(self):
        what = "crates and clocks used away from their home"
        for path, text in [
            ("file/record.rs", "use bincode::config;"),
            ("file/digest.rs", "use sha2::Digest;"),
            ("tap/client.rs", "use tokio::net::TcpStream; fn f() { Instant::now(); }"),
            ("cli.rs", "use clap::CommandFactory;"),
            ("file.rs", '/// uses zstd::stream\nconst A: &str = "zstd::x";'),
            ("file.rs", "fn f() { let level = Codec::zstd(3); let zstd = 1; clock.now(); self::zstd::x(); }"),
            ("report.rs", "#[cfg(test)] mod tests { use tokio::net::TcpStream; }"),
        ]:
            self.assertEqual(self.number(what, path, text), 0, (path, text))

    def test_commands_open_captures_in_one_place(self):
        what = "captures opened by a command on its own"
        text = "fn f() { let r = Reader::open(p)?; file::Reader::open_parallel(p)?; McapReader::new(x); }"
        self.assertEqual(self.number(what, "cli/commands/stats.rs", text), 2)
        self.assertEqual(self.number(what, "cli/commands/input.rs", text), 0)
        self.assertEqual(self.number(what, "report/ticket.rs", text), 0)

    def test_statics_that_can_change(self):
        for text in [
            "static mut A: u8 = 0;",
            "static A: AtomicU64 = AtomicU64::new(0);",
            "static A: LazyLock<Mutex<u8>> = LazyLock::new(Default::default);",
            "thread_local! { }",
        ]:
            self.assertEqual(self.number("statics that can change", "file.rs", text), 1, text)
        fine = "static A: OnceLock<u8> = OnceLock::new(); fn b(x: &'static Mutex<u8>, y: &mut u8) {}"
        self.assertEqual(self.number("statics that can change", "file.rs", fine), 0)

    def test_unfinished_code_and_skipped_tests(self):
        what = "unfinished code and skipped tests"
        for text in [
            "fn a() { todo!() }",
            'fn a() { unimplemented!("later") }',
            "#[cfg(test)] mod tests { fn a() { dbg!(1); } }",
            '#[test] #[ignore = "slow"] fn a() {}',
        ]:
            self.assertEqual(self.number(what, "file.rs", text), 1, text)
        self.assertEqual(self.number(what, "file.rs", '// todo!()\nconst A: &str = "#[ignore] todo!()";'), 0)


class Names(unittest.TestCase):
    def test_types_of_one_name(self):
        files = {"lib.rs": "mod a; mod b;", "a.rs": "pub struct X;", "b.rs": "pub(crate) enum X {} struct Y;"}
        self.assertEqual(tree(files)["type names used twice, pub(…) ones too"].number, 1)

    def test_hidden_things(self):
        files = {"lib.rs": "#[doc(hidden)] pub mod a; #[doc(hidden)] pub fn f() {}", "a.rs": "pub struct X; struct Y;"}
        self.assertEqual(tree(files)["public things hidden from the documentation"].number, 3)

    def test_the_documentation_gives_modules_and_items(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "file").mkdir()
            mod = '<a class="mod" href="file/index.html" title="mod">file</a>'
            Path(folder, "index.html").write_text(mod + '<a href="../x/index.html">x</a>')
            Path(folder, "file/index.html").write_text("")
            links = ['<li><a href="#structs">', '<li><a href="file/struct.X.html">', '<li><a href="enum.X.html">']
            Path(folder, "all.html").write_text("".join(links))
            modules, items = count.documented(Path(folder))
        self.assertEqual((modules, items), (["file"], [("enum", "X"), ("struct", "file::X")]))
        self.assertEqual(count.twice([(path.split("::")[-1], path) for _, path in items]), ["X: X, file::X"])


if __name__ == "__main__":
    unittest.main()
