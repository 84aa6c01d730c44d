public import Kernel

/// A parsed document: a flat tape over the raw bytes, nothing copied until asked. For hot paths that read big pages.
public struct JSONDocument: Sendable {
    private let storage: JSONStorage

    /// Reads a whole document in strict RFC 8259: UTF-8 without a byte order mark, no repeated key in an object,
    /// nothing after the value.
    /// - Throws: `malformed_json`, position `byte N`, also for documents beyond `Limits.jsonBytes` or
    /// `Limits.jsonDepth`.
    public init(parsing bytes: [UInt8]) throws(Fault) {
        let outcome: Result<[TapeEntry], Malformed> = bytes.withUnsafeBufferPointer { text in
            do throws(Malformed) { return .success(try TapeParser.tape(of: text)) } catch { return .failure(error) }
        }
        switch outcome {
        case .success(let tape): storage = JSONStorage(bytes: bytes, tape: tape)
        case .failure(let malformed): throw malformed.fault
        }
    }

    public var root: JSONView { JSONView(storage: storage, index: 0) }
}

/// Bytes and tape of one document, kept alive by every view on it.
final class JSONStorage: Sendable {
    let bytes: [UInt8]
    let tape: [TapeEntry]

    init(bytes: [UInt8], tape: [TapeEntry]) {
        self.bytes = bytes
        self.tape = tape
    }

    /// The text of a string or key entry.
    func string(_ entry: TapeEntry) -> String {
        bytes.withUnsafeBufferPointer { text in
            let part = UnsafeBufferPointer(rebasing: text[entry.range])
            return entry.kind == .escaped
                ? String(decoding: unescape(part), as: UTF8.self) : String(decoding: part, as: UTF8.self)
        }
    }

    /// The index of the value under that key in the object at `index`; `nil` when there is none or it is no object.
    func find(_ wanted: UnsafeBufferPointer<UInt8>, in index: Int) -> Int? {
        let link = TapeEntry.link(ofKey: keyHash(wanted, 0, wanted.count))
        return bytes.withUnsafeBufferPointer { text in
            tape.withUnsafeBufferPointer { tape in
                let object = tape[index]
                guard object.kind == .object else { return nil }
                var key = index &+ 1
                let end = object.next
                while key < end {
                    let entry = tape[key]
                    if entry.link == link ? isKey(entry, wanted, text) : entry.isEscaped && isEscapedKey(entry, wanted, text) {
                        return key &+ 1
                    }
                    key = tape[key &+ 1].next
                }
                return nil
            }
        }
    }

    @inline(__always)
    private func isKey(_ key: TapeEntry, _ wanted: UnsafeBufferPointer<UInt8>, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard key.length == wanted.count else { return false }
        let start = Int(key.start)
        for i in 0 ..< wanted.count where text[start &+ i] != wanted[i] { return false }
        return true
    }

    private func isEscapedKey(
        _ key: TapeEntry, _ wanted: UnsafeBufferPointer<UInt8>, _ text: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        unescape(UnsafeBufferPointer(rebasing: text[key.range])).elementsEqual(wanted)
    }

    /// The value at `index`, copied out.
    func tree(_ index: Int) -> JSON {
        let entry = tape[index]
        switch entry.kind {
        case .null: return .null
        case .yes: return .bool(true)
        case .no: return .bool(false)
        case .number: return .number(string(entry))
        case .string, .escaped: return .string(string(entry))
        case .array:
            var elements: [JSON] = []
            var at = index + 1
            while at < entry.next {
                elements.append(tree(at))
                at = tape[at].next
            }
            return .array(elements)
        case .object:
            var members: [(key: String, value: JSON)] = []
            var at = index + 1
            while at < entry.next {
                members.append((string(tape[at]), tree(at + 1)))
                at = tape[at + 1].next
            }
            return .object(members)
        }
    }
}

/// A position in a document, or the absence of one: lookups chain and never trap. Costs one reference; copy it freely.
public struct JSONView: Sendable {
    private let storage: JSONStorage
    /// Negative when there is no such value.
    private let index: Int

    init(storage: JSONStorage, index: Int) {
        self.storage = storage
        self.index = index
    }

    private var entry: TapeEntry? { index >= 0 ? storage.tape[index] : nil }
    private func view(_ at: Int?) -> JSONView { JSONView(storage: storage, index: at ?? -1) }

    /// The member under that key; a view with `exists == false` when there is none.
    public subscript(_ key: StaticString) -> JSONView {
        guard index >= 0 else { return self }
        return view(key.withUTF8Buffer { storage.find($0, in: index) })
    }

    /// The member under that key; a view with `exists == false` when there is none.
    public subscript(_ key: String) -> JSONView {
        guard index >= 0 else { return self }
        var key = key
        return view(key.withUTF8 { storage.find($0, in: index) })
    }

    /// Whether the document has a value here, be it `null`.
    public var exists: Bool { index >= 0 }

    /// Whether the value is `null` or missing.
    public var isNull: Bool { entry.map { $0.kind == .null } ?? true }

    public var isObject: Bool { entry?.kind == .object }
    public var isArray: Bool { entry?.kind == .array }

    public var string: String? {
        guard let entry, entry.kind == .string || entry.kind == .escaped else { return nil }
        return storage.string(entry)
    }

    public var bool: Bool? {
        switch entry?.kind {
        case .yes: true
        case .no: false
        default: nil
        }
    }

    /// A number written without fraction and exponent that fits 64 bits.
    public var int: Int? {
        guard let entry, entry.kind == .number else { return nil }
        return storage.bytes.withUnsafeBufferPointer { wholeNumber(UnsafeBufferPointer(rebasing: $0[entry.range])) }
    }

    /// A number, or a string that holds one, exactly; `nil` beyond 37 digits or 30 places.
    public var decimal: ExactDecimal? {
        guard let entry else { return nil }
        switch entry.kind {
        case .number, .string:
            return storage.bytes.withUnsafeBufferPointer { text in
                let part = UnsafeBufferPointer(rebasing: text[entry.range])
                return plainDecimal(part) ?? ExactDecimal(utf8: part)
            }
        case .escaped: return ExactDecimal(storage.string(entry))
        default: return nil
        }
    }

    /// The elements of an array; empty for anything else.
    public var elements: [JSONView] {
        guard let entry, entry.kind == .array else { return [] }
        var views: [JSONView] = []
        if entry.next > index + 1 { views.reserveCapacity(count(entry)) }
        var at = index + 1
        while at < entry.next {
            views.append(view(at))
            at = storage.tape[at].next
        }
        return views
    }

    private func count(_ array: TapeEntry) -> Int {
        var count = 0
        var at = index + 1
        while at < array.next {
            count += 1
            at = storage.tape[at].next
        }
        return count
    }

    /// The members of an object in order; empty for anything else.
    public var members: [(key: String, value: JSONView)] {
        guard let entry, entry.kind == .object else { return [] }
        var views: [(key: String, value: JSONView)] = []
        var at = index + 1
        while at < entry.next {
            views.append((storage.string(storage.tape[at]), view(at + 1)))
            at = storage.tape[at + 1].next
        }
        return views
    }

    /// The exact source bytes of this value, quotes and brackets included; empty when missing.
    public var rawBytes: ArraySlice<UInt8> {
        guard let entry else { return [] }
        switch entry.kind {
        case .string, .escaped: return storage.bytes[Int(entry.start) - 1 ..< Int(entry.end) + 1]
        default: return storage.bytes[entry.range]
        }
    }

    /// This value and all below it, copied out; `null` when missing.
    public var tree: JSON { index >= 0 ? storage.tree(index) : .null }
}
