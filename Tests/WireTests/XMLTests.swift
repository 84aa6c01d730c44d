import Glibc
import Kernel
import Testing

@testable import Wire

private func events(_ text: String, _ bounds: XMLBounds = XMLBounds()) throws -> [XMLEvent] {
    var reader = XMLReader(Array(text.utf8), bounds: bounds)
    var out: [XMLEvent] = []
    while let event = try reader.next() { out.append(event) }
    return out
}

private func refusal(_ bytes: [UInt8], _ bounds: XMLBounds = XMLBounds()) -> Fault? {
    var reader = XMLReader(bytes, bounds: bounds)
    do throws(Fault) {
        while try reader.next() != nil {}
        return nil
    } catch { return error }
}

private func refusal(_ text: String, _ bounds: XMLBounds = XMLBounds()) -> Fault? { refusal(Array(text.utf8), bounds) }

@Suite struct XMLReaderTests {
    @Test("elements, attributes and text come in order; one tag is a beginning and an end")
    func order() throws {
        let got = try events("<?xml version='1.0' encoding=\"utf-8\"?>\n<a x='1' y=\"&lt;&#65;&#x42;\"><b/>one<!-- c --> two<![CDATA[<&>]]></a>\n<!-- end -->\n")
        let attributes = [XMLAttribute(XMLName("x"), "1"), XMLAttribute(XMLName("y"), "<AB")]
        #expect(got == [.start(XMLName("a"), attributes), .start(XMLName("b"), []), .end(XMLName("b")), .text("one two<&>"), .end(XMLName("a"))])
    }

    @Test("prefixes stand for namespaces as declared around them; attributes without one are in none")
    func namespaces() throws {
        let got = try events("<p:a xmlns:p='urn:1' xmlns='urn:d' p:k='v' k='w'><b xmlns='' /><c xmlns:p='urn:2'><p:d/></c></p:a>")
        let a = XMLName("a", prefix: "p", namespace: "urn:1"), c = XMLName("c", namespace: "urn:d"), d = XMLName("d", prefix: "p", namespace: "urn:2")
        let k = XMLAttribute(XMLName("k", prefix: "p", namespace: "urn:1"), "v")
        #expect(got == [.start(a, [k, XMLAttribute(XMLName("k"), "w")]), .start(XMLName("b"), []), .end(XMLName("b")), .start(c, []), .start(d, []), .end(d), .end(c), .end(a)])
        #expect(try events("<a xml:lang='en'/>").first == .start(XMLName("a"), [XMLAttribute(XMLName("lang", prefix: "xml", namespace: XMLReader.xmlNamespace), "en")]))
    }

    @Test("line ends become line feeds in text and blanks in attributes, unless they are references")
    func lineEnds() throws {
        #expect(try events("<a x='1\r\n2\t3&#10;4'>\r\na\rb&#13;</a>") == [.start(XMLName("a"), [XMLAttribute(XMLName("x"), "1 2 3\n4")]), .text("\na\nb\r"), .end(XMLName("a"))])
    }

    @Test("names and text of any script are read", arguments: ["é", "日本", "\u{10000}", "a.b-c_d", "_x"])
    func scripts(name: String) throws {
        #expect(try XMLElement(parsing: Array("<\(name)>\(name) 😀</\(name)>".utf8)) == XMLElement(XMLName(name), text: "\(name) 😀"))
    }

    /// What is refused, and where.
    static let refused: [(String, String, String)] = [
        ("", "no element", "line 1, column 1"), (" \n ", "no element", "line 2, column 2"), ("text", "outside", "line 1, column 1"), ("<a>", "not closed", "line 1, column 4"),
        ("<a></b>", "must end first", "line 1, column 6"), ("<a/><b/>", "second outermost", "line 1, column 6"), ("<a/>x", "outside", "line 1, column 5"), ("</a>", "never began", "line 1, column 3"),
        ("<!DOCTYPE a><a/>", "document types", "line 1, column 3"), ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "document types", "line 1, column 3"),
        ("<a>&x;</a>", "five entities", "line 1, column 4"), ("<a>a & b</a>", "five entities", "line 1, column 6"), ("<a>&#0;</a>", "no character", "line 1, column 4"),
        ("<a>&#xD800;</a>", "no character", "line 1, column 4"), ("<a>&#99999999999;</a>", "no character", "line 1, column 4"), ("<a>&#x;</a>", "no character", "line 1, column 4"),
        ("<a>&#12</a>", "no character", "line 1, column 4"), ("<a>\u{1}</a>", "control character", "line 1, column 4"), ("<a>\u{fffe}</a>", "does not have", "line 1, column 4"),
        ("<a>]]></a>", "]]>", "line 1, column 4"), ("<a x='1' x='2'/>", "twice", "line 1, column 10"), ("<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", "twice", "line 1, column 36"),
        ("<a x='<'/>", "< stands", "line 1, column 7"), ("<a x=1/>", "quotes", "line 1, column 6"), ("<a x/>", "needs =", "line 1, column 5"), ("<a x='1'y='2'/>", "space", "line 1, column 9"),
        ("<a x='1/>", "never ends", "line 1, column 6"), ("<a", "never ends", "line 1, column 3"), ("<p:a/>", "not declared", "line 1, column 2"), ("<a p:x='1'/>", "not declared", "line 1, column 4"),
        ("<a xmlns:p=''/>", "undeclared", "line 1, column 4"), ("<a xmlns:xml='u'/>", "XML's own", "line 1, column 4"), ("<a xmlns:xmlns='u'/>", "XML's own", "line 1, column 4"),
        ("<a:b:c/>", "two colons", "line 1, column 5"), ("<:a/>", "a name must be here", "line 1, column 2"), ("< a/>", "a name must be here", "line 1, column 2"), ("<1/>", "a name must be here", "line 1, column 2"),
        ("<a><!-- -- --></a>", "-- stands", "line 1, column 11"), ("<a><!-- ", "comment never ends", "line 1, column 8"), ("<a><![CDATA[x", "CDATA", "line 1, column 13"),
        ("<a><?xml version='1.0'?></a>", "may only come first", "line 1, column 6"), ("<a><?p", "space must follow", "line 1, column 7"), ("<?xml version='1.1'?><a/>", "version 1.0", "line 1, column 20"),
        ("<?xml version='1.0' encoding='latin1'?><a/>", "UTF-8", "line 1, column 38"), ("<?xml version='1.0' standalone='maybe'?><a/>", "yes or no", "line 1, column 39"), ("<?xml version='1.0'", "never ends", "line 1, column 20"),
        ("<![CDATA[x]]><a/>", "outside", "line 1, column 10"), ("<a>\n<b>\n</a>", "must end first", "line 3, column 3"),
    ]

    @Test("what is not XML is refused where it stops being so", arguments: refused)
    func refusals(text: String, reason: String, position: String) throws {
        let fault = try #require(refusal(text), "\(text)")
        #expect(fault.code == "malformed_xml" && fault.summary.contains(reason), "\(text): \(fault.summary)")
        #expect(fault.position == position, "\(text)")
    }

    @Test("bytes that are not UTF-8 are refused", arguments: [[0xc0, 0x80], [0xff], [0xed, 0xa0, 0x80], [0xe2, 0x82]] as [[UInt8]])
    func encoding(bytes: [UInt8]) {
        #expect(refusal(Array("<a>".utf8) + bytes + Array("</a>".utf8)) != nil)
        #expect(refusal([0xfe, 0xff, 0, 60, 0, 97, 0, 47, 0, 62]) != nil)
        #expect(refusal([0xef, 0xbb, 0xbf] + Array("<a/>".utf8)) == nil)
    }

    @Test("depth, attributes, names, namespaces and size are bounded")
    func bounds() {
        var bounds = XMLBounds()
        bounds.depth = 3
        bounds.attributes = 2
        bounds.nameBytes = 5
        bounds.namespaces = 3
        bounds.elements = 4
        bounds.bytes = 60
        #expect(refusal("<a><a><a/></a></a>", bounds) == nil)
        #expect(refusal("<a><a><a><a/></a></a></a>", bounds) != nil)
        #expect(refusal("<a><b/><b/><b/></a>", bounds) == nil)
        #expect(refusal("<a><b/><b/><b/><b/></a>", bounds)?.summary.contains("too many elements") == true)
        #expect(refusal("<a b='' c=''/>", bounds) == nil)
        #expect(refusal("<a b='' c='' d=''/>", bounds) != nil)
        #expect(refusal("<abcde/>", bounds) == nil)
        #expect(refusal("<abcdef/>", bounds) != nil)
        #expect(refusal("<a xmlns:p='u' xmlns:q='u'/>", bounds) == nil)
        #expect(refusal("<a xmlns:p='u'><b xmlns:q='u' xmlns:r='u'/></a>", bounds) != nil)
        #expect(refusal("<a>" + String(repeating: "x", count: 60) + "</a>", bounds) != nil)
    }

    @Test("what a prefix stood for before is what it stands for again, and prefixes are compared by their bytes")
    func rebinding() throws {
        let got = try events("<p:a xmlns:p='1'><p:b xmlns:p='2' xmlns:q='3'><p:c xmlns:p='4'/><q:d/></p:b><p:e/></p:a>")
        let spaces = got.compactMap { event in if case .start(let name, _) = event { name.namespace } else { nil } }
        #expect(spaces == ["1", "2", "4", "3", "1"])
        #expect(refusal("<a><b xmlns:q='1'/><q:c/></a>")?.summary.contains("not declared") == true)
        #expect(refusal("<\u{e9}:a xmlns:\u{e9}='1'/>") == nil)
        #expect(refusal("<\u{e9}:a xmlns:e\u{301}='1'/>")?.summary.contains("not declared") == true)
    }

    @Test("names that Unicode holds equal are two attributes, and the same bytes under two prefixes are one twice")
    func twoOfOneLook() throws {
        #expect(refusal("<a xmlns:p='u' p:\u{e9}='1' p:e\u{301}='2'/>") == nil)
        #expect(refusal("<a xmlns:p='\u{e9}' xmlns:q='e\u{301}' p:b='1' q:b='2'/>") == nil)
        #expect(refusal("<a xmlns:p='u' xmlns:q='u' p:\u{e9}='1' q:\u{e9}='2'/>")?.summary.contains("is there twice") == true)
    }

    @Test("a thousand prefixes in force make the names of a document no dearer to look up")
    func manyNamespaces() throws {
        let elements = String(repeating: "<a/><p0:b/>", count: 3_000)
        // Four elements around the others, for an element has 256 attributes at most.
        func document(_ prefixes: Int) -> [UInt8] {
            let tags = (0 ..< 4).map { level in "<r \((0 ..< prefixes).map { "xmlns:p\(level * prefixes + $0)='u\($0)'" }.joined(separator: " "))>" }
            return Array((tags.joined() + elements + String(repeating: "</r>", count: 4)).utf8)
        }
        func cost(_ bytes: [UInt8]) -> Int {
            var begin = timespec(), end = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin)
            #expect(refusal(bytes) == nil)
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
            return (end.tv_sec - begin.tv_sec) * 1_000_000_000 + end.tv_nsec - begin.tv_nsec
        }
        let few = document(1), many = document(240)
        let costs = (0 ..< 5).map { _ in (few: cost(few), many: cost(many)) }
        let least = costs.map(\.few).min() ?? 0, most = costs.map(\.many).min() ?? 0
        #expect(most < 2 * least + 2_000_000, "\(most) ns with many, \(least) ns with few")
    }

    @Test("a document cut off anywhere is refused, and never read as a smaller one")
    func cuts() {
        let whole = Array("<?xml version='1.0'?><p:a xmlns:p='urn:1' k='&amp;'><b>é&#65;<![CDATA[]]]]></b><!-- c --><?i x?><c/></p:a>".utf8)
        #expect(refusal(whole) == nil)
        for end in 0 ..< whole.count { #expect(refusal(Array(whole[..<end])) != nil, "cut at \(end)") }
    }

    @Test("whatever the bytes, reading ends without a trap", arguments: UInt64(1) ... 400)
    func noise(seed: UInt64) {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func roll(_ n: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(n))
        }
        let pieces = ["<", ">", "/", "a", "p:", "xmlns", "=", "'", "\"", " ", "&amp;", "&#x41;", "<![CDATA[", "]]>", "<!--", "-->", "<?", "?>", "<a>", "</a>", "é", "\u{1}", "\n", "xml", "!DOCTYPE"]
        for _ in 0 ..< 20 {
            var bytes: [UInt8] = []
            for _ in 0 ..< roll(30) { bytes += Array(pieces[roll(pieces.count)].utf8) }
            if !bytes.isEmpty, roll(3) == 0 { bytes[roll(bytes.count)] = UInt8(roll(256)) }
            if let fault = refusal(bytes) { #expect(fault.code == "malformed_xml") }
        }
    }
}

@Suite struct XMLWriterTests {
    @Test("what was written reads back as it was, whatever its text")
    func roundTrip() throws {
        let tricky = "a<b>&\"'\r\n\t]]> é😀"
        let element = XMLElement(
            XMLName("Envelope", prefix: "s", namespace: "urn:soap"),
            attributes: [XMLAttribute(XMLName("k", prefix: "x", namespace: "urn:x"), tricky), XMLAttribute(XMLName("plain"), tricky)],
            children: [XMLElement(XMLName("Body", namespace: "urn:body"), children: [XMLElement(XMLName("bare"), text: tricky)]), XMLElement(XMLName("empty"))], text: tricky)
        #expect(try XMLElement(parsing: element.bytes) == element)
        #expect(element["Body"]?["bare"]?.text == tricky)
        #expect(element.attribute("plain") == tricky)
    }

    @Test("prefixes and namespaces that Unicode holds equal are declared each by itself", arguments: [
        "<\u{e9}:a xmlns:\u{e9}='u' xmlns:e\u{301}='u' e\u{301}:b='1'/>", "<p:a xmlns:p='\u{e9}'><p:b xmlns:p='e\u{301}'/></p:a>",
    ])
    func oneLook(text: String) throws {
        let element = try XMLElement(parsing: Array(text.utf8))
        let again = try XMLElement(parsing: element.bytes)
        #expect(again == element && again.bytes == element.bytes)
        #expect(again.children.first?.name.namespace.map { Array($0.utf8) } == element.children.first?.name.namespace.map { Array($0.utf8) })
    }

    @Test("a document is written tag by tag")
    func tags() {
        var writer = XMLWriter(declaration: true)
        writer.start("a", [("x", "1\"")])
        writer.element("b", "one & two")
        writer.element("c", "")
        writer.end()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a x=\"1&quot;\"><b>one &amp; two</b><c/></a>")
    }

    @Test("characters that XML does not have become replacement characters")
    func controls() throws {
        var writer = XMLWriter()
        writer.element("a", "x\u{0}y\u{1f}z\u{ffff}")
        #expect(try XMLElement(parsing: writer.bytes).text == "x\u{fffd}y\u{fffd}z\u{fffd}")
    }
}
