public import Kernel

/// An element and all in it, for documents that are small enough to hold. Comments, instructions and where text stood among children are gone.
public struct XMLElement: Sendable, Equatable {
    public var name: XMLName
    public var attributes: [XMLAttribute]
    public var children: [XMLElement]
    /// The element's own text, that of its children left out.
    public var text: String

    public init(_ name: XMLName, attributes: [XMLAttribute] = [], children: [XMLElement] = [], text: String = "") {
        self.name = name
        self.attributes = attributes
        self.children = children
        self.text = text
    }

    /// Reads a whole document.
    /// - Throws: `malformed_xml`.
    public init(parsing bytes: [UInt8], bounds: XMLBounds = XMLBounds()) throws(Fault) {
        var reader = XMLReader(bytes, bounds: bounds)
        var open: [XMLElement] = []
        var whole: XMLElement?
        while let event = try reader.next() {
            switch event {
            case .start(let name, let attributes): open.append(XMLElement(name, attributes: attributes))
            case .text(let text): if !open.isEmpty { open[open.count - 1].text += text }
            case .end:
                guard let done = open.popLast() else { continue }
                if open.isEmpty { whole = done } else { open[open.count - 1].children.append(done) }
            }
        }
        guard let whole else { throw Fault("malformed_xml", stage: .wire, disposition: .reject, summary: "the document is not valid XML: there is no element in it") }
        self = whole
    }

    /// The first child of that local name, in whatever namespace.
    public subscript(_ local: String) -> XMLElement? { children.first { $0.name.local == local } }

    /// All children of that local name, in whatever namespace.
    public func all(_ local: String) -> [XMLElement] { children.filter { $0.name.local == local } }

    /// The first element down that way, by local names, in whatever namespaces; itself for an empty one.
    public func at(_ path: [String]) -> XMLElement? {
        guard let first = path.first else { return self }
        return self[first]?.at(Array(path.dropFirst()))
    }

    /// The value of an attribute without a prefix.
    public func attribute(_ local: String) -> String? { attributes.first { $0.name.local == local && $0.name.namespace == nil }?.value }

    /// The element as a document, without a declaration.
    public var bytes: [UInt8] {
        var writer = XMLWriter()
        writer.write(self)
        return writer.bytes
    }
}
