/// Writes a document tag by tag. Names and the declarations of their prefixes are the caller's: they are written as given and must be names.
/// Characters that XML does not have (control characters) become U+FFFD: there is no way to write them.
public struct XMLWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var open: [String] = []
    /// The start tag still lacks its end.
    private var isTagOpen = false

    /// - Parameter declaration: begin with `<?xml version="1.0" encoding="UTF-8"?>`.
    public init(declaration: Bool = false) {
        if declaration { bytes += Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>".utf8) }
    }

    public mutating func start(_ name: String, _ attributes: [(String, String)] = []) {
        precondition(XMLWriter.isName(name) && attributes.allSatisfy { XMLWriter.isName($0.0) }, "XML needs a name for elements and attributes")
        endTag()
        bytes.append(UInt8(ascii: "<"))
        bytes += name.utf8
        for (key, value) in attributes {
            bytes.append(32)
            bytes += key.utf8
            bytes += "=\"".utf8
            escape(value, isAttribute: true)
            bytes.append(UInt8(ascii: "\""))
        }
        open.append(name)
        isTagOpen = true
    }

    public mutating func text(_ text: String) {
        guard !text.isEmpty else { return }
        endTag()
        escape(text, isAttribute: false)
    }

    /// Ends the element begun last.
    public mutating func end() {
        precondition(!open.isEmpty, "an element ends that never began")
        guard let name = open.popLast() else { return }
        if isTagOpen {
            bytes += "/>".utf8
            isTagOpen = false
        } else {
            bytes += "</".utf8
            bytes += name.utf8
            bytes.append(UInt8(ascii: ">"))
        }
    }

    /// An element with nothing but text in it.
    public mutating func element(_ name: String, _ text: String, _ attributes: [(String, String)] = []) {
        start(name, attributes)
        self.text(text)
        end()
    }

    /// An element with all in it. Every prefix is declared where it is first needed.
    public mutating func write(_ element: XMLElement) { write(element, [:]) }

    private mutating func write(_ element: XMLElement, _ outer: [XMLPrefix: String]) {
        var bound = outer
        var attributes: [(String, String)] = []
        // No namespace is bound to the empty text.
        func need(_ name: XMLName, isAttribute: Bool) {
            if isAttribute, name.prefix.isEmpty || name.prefix == "xml" { return }
            let prefix = XMLPrefix(name.prefix), namespace = name.namespace ?? ""
            guard !bound[prefix, default: ""].utf8.elementsEqual(namespace.utf8) else { return }
            bound[prefix] = namespace
            attributes.append((name.prefix.isEmpty ? "xmlns" : "xmlns:\(name.prefix)", namespace))
        }
        need(element.name, isAttribute: false)
        for attribute in element.attributes {
            need(attribute.name, isAttribute: true)
            attributes.append((attribute.name.description, attribute.value))
        }
        start(element.name.description, attributes)
        text(element.text)
        for child in element.children { write(child, bound) }
        end()
    }

    private mutating func endTag() {
        guard isTagOpen else { return }
        bytes.append(UInt8(ascii: ">"))
        isTagOpen = false
    }

    private mutating func escape(_ text: String, isAttribute: Bool) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 38: bytes += "&amp;".utf8
            case 60: bytes += "&lt;".utf8
            case 62: bytes += "&gt;".utf8
            case 34 where isAttribute: bytes += "&quot;".utf8
            // A reader would make a line feed of a bare one, and blanks of all three in an attribute.
            case 13: bytes += "&#13;".utf8
            case 9 where isAttribute: bytes += "&#9;".utf8
            case 10 where isAttribute: bytes += "&#10;".utf8
            case 9, 10, 32 ... 0xd7ff, 0xe000 ... 0xfffd, 0x10000 ... 0x10ffff: bytes += UTF8.encode(scalar).map { Array($0) } ?? []
            default: bytes += [0xef, 0xbf, 0xbd]
            }
        }
    }

    private static func isName(_ text: String) -> Bool {
        var cursor = XMLCursor(Array(text.utf8))
        return (try? cursor.name(most: 10_000)) != nil && cursor.isAtEnd
    }
}
