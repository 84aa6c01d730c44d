public import Kernel

/// A name as written, with the namespace its prefix stands for.
public struct XMLName: Sendable, Hashable, CustomStringConvertible {
    /// Empty for none.
    public var prefix: String
    public var local: String
    /// `nil`: in no namespace.
    public var namespace: String?

    public init(_ local: String, prefix: String = "", namespace: String? = nil) {
        self.local = local
        self.prefix = prefix
        self.namespace = namespace
    }

    /// As written: `soap:Envelope`.
    public var description: String { prefix.isEmpty ? local : "\(prefix):\(local)" }
}

public struct XMLAttribute: Sendable, Equatable {
    public var name: XMLName
    public var value: String

    public init(_ name: XMLName, _ value: String) {
        self.name = name
        self.value = value
    }
}

public enum XMLEvent: Sendable, Equatable {
    /// Declarations of namespaces are not among the attributes: the names say what they led to.
    case start(XMLName, [XMLAttribute])
    /// Character data between two other events, CDATA sections included, references replaced; never empty.
    case text(String)
    case end(XMLName)
}

/// How much a document may have of anything.
public struct XMLBounds: Sendable {
    public var bytes = Limits.jsonBytes
    public var depth = Limits.jsonDepth
    /// Of a whole document.
    public var elements = 1 << 20
    /// Of one element, declarations of namespaces among them.
    public var attributes = 256
    public var nameBytes = 1_000
    /// Declared and in force at one place.
    public var namespaces = 1_000

    public init() {}
}

/// Reads a document event by event: XML 1.0 with namespaces, in UTF-8, strictly. A document type is refused, and with it every entity but the five
/// that XML has itself: nothing in a document can make us open, fetch or repeat anything. Comments and processing instructions are checked
/// and left out. Line ends come as `\n`.
/// - Source: W3C, Extensible Markup Language 1.0 (fifth edition) and Namespaces in XML 1.0 (third edition).
public struct XMLReader: Sendable {
    private var cursor: XMLCursor
    private let bounds: XMLBounds
    private var open: [(name: XMLName, raw: [UInt8], scope: Int)] = []
    /// What each prefix stands for, the newest binding last; the empty prefix is the default namespace.
    private var bound: [XMLPrefix: [String]] = [XMLPrefix("xml"): [XMLReader.xmlNamespace]]
    /// The prefixes in the order in which they were bound, for an element's end to take its own back.
    private var scope: [XMLPrefix] = [XMLPrefix("xml")]
    /// The end of an element written as one tag.
    private var pending: XMLName?
    private var elements = 0
    private var begun = false
    private var hadRoot = false
    private var ended = false

    static let xmlNamespace = "http://www.w3.org/XML/1998/namespace"
    static let xmlnsNamespace = "http://www.w3.org/2000/xmlns/"

    public init(_ bytes: [UInt8], bounds: XMLBounds = XMLBounds()) {
        cursor = XMLCursor(bytes)
        self.bounds = bounds
    }

    /// The next event; `nil` at the end of a whole document. After a fault there is nothing more to read.
    /// - Throws: `malformed_xml`, position `line L, column C`, also for documents beyond the bounds.
    public mutating func next() throws(Fault) -> XMLEvent? {
        do throws(XMLWrong) {
            return try event()
        } catch {
            ended = true
            throw Fault(
                "malformed_xml", stage: .wire, disposition: .reject, summary: "the document is not valid XML: \(error.reason)",
                remedy: "Send XML 1.0 in UTF-8 without a document type.", position: cursor.position(of: error.at))
        }
    }

    private mutating func event() throws(XMLWrong) -> XMLEvent? {
        if ended { return nil }
        if !begun {
            begun = true
            guard cursor.count <= bounds.bytes else { throw XMLWrong("it is too large", 0) }
            try cursor.prologue()
        }
        if let name = pending {
            pending = nil
            return close(name)
        }
        var text: [UInt8] = []
        var hasText = false
        while true {
            if cursor.isAtEnd {
                guard open.isEmpty else { throw cursor.wrong("the element \(open[open.count - 1].name) is not closed") }
                guard hadRoot else { throw cursor.wrong("there is no element in it") }
                ended = true
                return nil
            }
            if cursor.skip("<!--") {
                try cursor.comment()
            } else if cursor.skip("<![CDATA[") {
                guard !open.isEmpty else { throw cursor.wrong("text stands outside of the document's element") }
                try cursor.cdata(into: &text)
                hasText = true
            } else if cursor.skip("<?") {
                try cursor.instruction()
            } else if cursor.peek(0) == UInt8(ascii: "<") {
                if hasText, !text.isEmpty { return .text(String(decoding: text, as: UTF8.self)) }
                return try tag()
            } else {
                try cursor.characters(into: &text, outside: open.isEmpty)
                hasText = !open.isEmpty
            }
        }
    }

    private mutating func tag() throws(XMLWrong) -> XMLEvent {
        if cursor.skip("</") { return try endTag() }
        if cursor.skip("<!") { throw cursor.wrong("document types and entities are not accepted") }
        _ = cursor.skip("<")
        guard !(hadRoot && open.isEmpty) else { throw cursor.wrong("there is a second outermost element") }
        guard open.count < bounds.depth else { throw cursor.wrong("it is nested too deeply") }
        elements += 1
        guard elements <= bounds.elements else { throw cursor.wrong("it has too many elements") }
        let raw = try cursor.name(most: bounds.nameBytes)
        let outer = scope.count
        let written = try attributes()
        let empty = cursor.skip("/>")
        guard empty || cursor.skip(">") else { throw cursor.wrong("the tag never ends") }
        let name = try resolve(raw, isAttribute: false)
        let attributes = try resolve(written)
        hadRoot = true
        open.append((name, raw.bytes, outer))
        if empty { pending = name }
        return .start(name, attributes)
    }

    private mutating func endTag() throws(XMLWrong) -> XMLEvent {
        let at = cursor.at
        let raw = try cursor.name(most: bounds.nameBytes)
        cursor.skipSpace()
        guard cursor.skip(">") else { throw cursor.wrong("the tag never ends") }
        guard let last = open.last else { throw XMLWrong("an element ends that never began", at) }
        guard last.raw == raw.bytes else { throw XMLWrong("the element \(last.name) must end first", at) }
        return close(last.name)
    }

    private mutating func close(_ name: XMLName) -> XMLEvent {
        if let last = open.popLast() {
            while scope.count > last.scope {
                let prefix = scope.removeLast()
                if bound[prefix]?.count == 1 { bound[prefix] = nil } else { bound[prefix]?.removeLast() }
            }
        }
        return .end(name)
    }

    // MARK: Attributes and namespaces

    private mutating func attributes() throws(XMLWrong) -> [(raw: XMLRawName, value: String, at: Int)] {
        var out: [(raw: XMLRawName, value: String, at: Int)] = []
        var seen: Set<[UInt8]> = []
        while true {
            let spaced = cursor.skipSpace()
            guard let c = cursor.peek(0), c != UInt8(ascii: ">"), c != UInt8(ascii: "/") else { return out }
            guard spaced else { throw cursor.wrong("a space must stand before an attribute") }
            let at = cursor.at
            let raw = try cursor.name(most: bounds.nameBytes)
            guard seen.insert(raw.bytes).inserted else { throw XMLWrong("the attribute \(raw.text) is there twice", at) }
            guard seen.count <= bounds.attributes else { throw XMLWrong("the element has too many attributes", at) }
            cursor.skipSpace()
            guard cursor.skip("=") else { throw cursor.wrong("an attribute needs = and a value") }
            cursor.skipSpace()
            let value = try cursor.attributeValue()
            if raw.prefix.isEmpty, raw.local == "xmlns" {
                try declare("", value, at)
            } else if raw.prefix == "xmlns" {
                try declare(raw.local, value, at)
            } else {
                out.append((raw, value, at))
            }
        }
    }

    private mutating func declare(_ prefix: String, _ namespace: String, _ at: Int) throws(XMLWrong) {
        guard scope.count < bounds.namespaces else { throw XMLWrong("there are too many namespaces", at) }
        guard prefix != "xmlns", namespace != XMLReader.xmlnsNamespace, (prefix == "xml") == (namespace == XMLReader.xmlNamespace) else {
            throw XMLWrong("the prefixes xml and xmlns are XML's own", at)
        }
        guard prefix.isEmpty || !namespace.isEmpty else { throw XMLWrong("a prefix can't be undeclared", at) }
        scope.append(XMLPrefix(prefix))
        bound[XMLPrefix(prefix), default: []].append(namespace)
    }

    private func resolve(_ raw: XMLRawName, isAttribute: Bool) throws(XMLWrong) -> XMLName {
        if isAttribute, raw.prefix.isEmpty { return XMLName(raw.local) }
        guard let namespace = bound[XMLPrefix(raw.prefix)]?.last else {
            guard raw.prefix.isEmpty else { throw XMLWrong("the prefix \(raw.prefix) is not declared", raw.at) }
            return XMLName(raw.local)
        }
        return XMLName(raw.local, prefix: raw.prefix, namespace: namespace.isEmpty ? nil : namespace)
    }

    private func resolve(_ written: [(raw: XMLRawName, value: String, at: Int)]) throws(XMLWrong) -> [XMLAttribute] {
        var out: [XMLAttribute] = []
        // Two prefixes may stand for one namespace. By bytes, as prefixes are.
        var seen: Set<[[UInt8]]> = []
        for one in written {
            let name = try resolve(one.raw, isAttribute: true)
            if let namespace = name.namespace, !seen.insert([Array(namespace.utf8), Array(name.local.utf8)]).inserted {
                throw XMLWrong("the attribute \(name) is there twice", one.at)
            }
            out.append(XMLAttribute(name, one.value))
        }
        return out
    }
}

/// A prefix to look up. By its bytes: XML's names are what is written, and texts that Unicode holds equal are two.
struct XMLPrefix: Sendable, Hashable {
    private let text: String

    init(_ text: String) { self.text = text }

    static func == (a: XMLPrefix, b: XMLPrefix) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
