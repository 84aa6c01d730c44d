internal import Wire

extension XMLElement {
    static func leaf(_ name: String, _ text: String = "") -> XMLElement { XMLElement(XMLName(name), text: text) }

    static func node(_ name: String, _ children: [XMLElement], _ attributes: [(String, String)] = []) -> XMLElement {
        XMLElement(XMLName(name), attributes: attributes.map { XMLAttribute(XMLName($0.0), $0.1) }, children: children)
    }

    /// The text without blanks and line ends around it.
    var value: String {
        func isBlank(_ letter: Character) -> Bool { letter.isWhitespace }
        return String(text.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }

    /// The text of a child; `nil` where it is absent or empty.
    func value(_ name: String) -> String? { self[name]?.value.filled }
}

extension String {
    /// `nil` for the empty text.
    var filled: String? { isEmpty ? nil : self }
}

/// How answers are written.
enum IntacctXML {
    static func document(_ root: XMLElement, isSpaced: Bool) -> [UInt8] {
        var writer = XMLWriter(declaration: true)
        writer.text(isSpaced ? "\n" : "")
        write(root, 0, isSpaced, &writer)
        return writer.bytes
    }

    private static func write(_ element: XMLElement, _ depth: Int, _ isSpaced: Bool, _ writer: inout XMLWriter) {
        writer.start(element.name.local, element.attributes.map { ($0.name.local, $0.value) })
        writer.text(element.text)
        for child in element.children {
            if isSpaced { writer.text("\n" + String(repeating: "  ", count: depth + 1)) }
            write(child, depth + 1, isSpaced, &writer)
        }
        if isSpaced, !element.children.isEmpty { writer.text("\n" + String(repeating: "  ", count: depth)) }
        writer.end()
    }

    static func answer(_ status: Int, _ root: XMLElement, isSpaced: Bool = false) -> HTTPResponse {
        HTTPResponse(status, fields: ["Content-Type": "text/xml; charset=UTF-8"], body: document(root, isSpaced: isSpaced))
    }
}
