import ConnectorKit
import Testing

@Suite("Texts for fields of a ledger") struct TextTests {
    @Test("a plain text is one line: control characters and line ends go, one blank stays between words", arguments: [
        ("Blue mug", "Blue mug"), ("  Blue   mug  ", "Blue mug"), ("Blue\nmug", "Blue mug"), ("Blue\r\n\tmug\u{0}", "Blue mug"), ("\u{7F}Blue\u{85}mug\u{9F}", "Blue mug"),
        ("Blue\u{2028}mug\u{2029}", "Blue mug"), ("", ""), (" \n ", ""), ("\u{0}", ""), ("Größe\u{A0}42", "Größe\u{A0}42"), ("👩‍👩‍👧 e\u{301}", "👩‍👩‍👧 e\u{301}"),
    ])
    func plainly(text: String, wanted: String) {
        #expect(Array(plain(text).unicodeScalars) == Array(wanted.unicodeScalars))
        #expect(plain(plain(text)) == plain(text))
    }

    @Test("a text is cut to so many characters, never inside of one")
    func characters() {
        #expect(cut("Mug", characters: 3) == "Mug")
        #expect(cut("Mugs", characters: 3) == "Mug")
        #expect(cut("Mug", characters: 0) == "")
        #expect(cut("", characters: 3) == "")
        #expect(cut("ééé", characters: 3) == "ééé")
        #expect(cut("👩‍👩‍👧👩‍👩‍👧", characters: 1) == "👩‍👩‍👧")
        #expect(cut("e\u{301}e\u{301}", characters: 1).unicodeScalars.count == 2)
    }

    @Test("a text is cut to so many UTF-16 units, never inside of a character, and without leaving one out")
    func units() {
        #expect(cut("Mugs", utf16: 4) == "Mugs")
        #expect(cut("Mugs", utf16: 3) == "Mug")
        #expect(cut("Mugs", utf16: 0) == "")
        #expect(cut("a😀b", utf16: 3) == "a😀")
        #expect(cut("a😀b", utf16: 2) == "a")
        #expect(cut("👩‍👩‍👧b", utf16: 7) == "", "a character that does not fit ends the text, whatever would fit behind it")
        #expect(cut("e\u{301}e\u{301}", utf16: 3).utf16.count == 2)
        for limit in 0 ... 12 { #expect(cut("a😀é👩‍👩‍👧z", utf16: limit).utf16.count <= limit) }
    }

    @Test("a list is cut into slices that hold all of it in order, the last one shorter")
    func parts() {
        #expect([1, 2, 3, 4, 5].parts(of: 2) == [[1, 2], [3, 4], [5]])
        #expect([1, 2].parts(of: 2) == [[1, 2]])
        #expect([1, 2].parts(of: 9) == [[1, 2]])
        #expect([Int]().parts(of: 3) == [])
    }

    @Test("of several with one key the first stays, where it stood")
    func unique() {
        #expect(["b", "A", "a", "B", "c"].unique { $0.lowercased() } == ["b", "A", "c"])
        #expect([Int]().unique { $0 } == [])
    }
}
