public import Kernel

/// A parsed document: a flat tape over the raw bytes, nothing copied until asked. For hot paths that read big pages.
public struct JSONDocument: Sendable {
    private let storage: JSONStorage

    /// Reads a whole document in strict RFC 8259: UTF-8 without a byte order mark, no repeated key in an object,
    /// nothing after the value.
    /// - Throws: `malformed_json`, position `byte N`, also for documents beyond `Limits.jsonBytes` or
    /// `Limits.jsonDepth`.
    public init(parsing bytes: [UInt8]) throws(Fault) {
        let outcome: Result<Tape, Malformed> = bytes.withUnsafeBufferPointer { text in
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
    private let indices: [UInt32]

    init(bytes: [UInt8], tape: Tape) {
        self.bytes = bytes
        self.tape = tape.entries
        indices = tape.indices
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
                guard object.isA(.object) else { return object.isObject ? lookUp(wanted, link, object, tape, text) : nil }
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

    /// The same in an object with an index.
    private func lookUp(
        _ wanted: UnsafeBufferPointer<UInt8>, _ link: UInt32, _ object: TapeEntry, _ tape: UnsafeBufferPointer<TapeEntry>,
        _ text: UnsafeBufferPointer<UInt8>
    ) -> Int? {
        indices.withUnsafeBufferPointer { indices in
            let from = Int(object.end) &+ 2
            let slots = Int(indices[from &- 1])
            var slot = Int(link) & (slots &- 1)
            while indices[from &+ slot] != 0 {
                let key = Int(indices[from &+ slot])
                if tape[key].link == link, isKey(tape[key], wanted, text) { return key &+ 1 }
                slot = (slot &+ 1) & (slots &- 1)
            }
            return nil
        }
    }

    /// The bytes of a value's text, of strings without their quotes.
    func range(_ entry: TapeEntry) -> Range<Int> {
        entry.isA(.indexed) ? Int(entry.start) ..< Int(indices[Int(entry.end)]) : entry.range
    }

    @inline(__always)
    private func isKey(_ key: TapeEntry, _ wanted: UnsafeBufferPointer<UInt8>, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard key.length == wanted.count else { return false }
        let here = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[key.range])
        let there = UnsafeRawBufferPointer(wanted)
        var i = 0
        while i &+ 8 <= there.count {
            guard here.loadUnaligned(fromByteOffset: i, as: UInt64.self) == there.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            else { return false }
            i &+= 8
        }
        while i < there.count {
            guard here[i] == there[i] else { return false }
            i &+= 1
        }
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
        case .object, .indexed:
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
    private func isA(_ kind: TapeKind) -> Bool { index >= 0 && storage.tape[index].isA(kind) }

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

    /// The same as `self[first][second][third]`, without the views in between.
    public subscript(_ first: StaticString, _ second: StaticString, _ third: StaticString) -> JSONView {
        guard index >= 0, let outer = first.withUTF8Buffer({ storage.find($0, in: index) }),
            let inner = second.withUTF8Buffer({ storage.find($0, in: outer) })
        else { return view(nil) }
        return view(third.withUTF8Buffer { storage.find($0, in: inner) })
    }

    /// Whether the document has a value here, be it `null`.
    public var exists: Bool { index >= 0 }

    /// Whether the value is `null` or missing.
    public var isNull: Bool { index < 0 || isA(.null) }

    public var isObject: Bool { index >= 0 && storage.tape[index].isObject }
    public var isArray: Bool { isA(.array) }

    public var string: String? {
        guard let entry, entry.isA(.string) || entry.isA(.escaped) else { return nil }
        return storage.string(entry)
    }

    /// The bytes of a string without escapes, not copied; `nil` for anything else.
    public var plainBytes: ArraySlice<UInt8>? {
        guard let entry, entry.isA(.string) else { return nil }
        return storage.bytes[entry.range]
    }

    public var bool: Bool? {
        if isA(.yes) { return true }
        return isA(.no) ? false : nil
    }

    /// A number written without fraction and exponent that fits 64 bits.
    public var int: Int? {
        guard let entry, entry.isA(.number) else { return nil }
        return storage.bytes.withUnsafeBufferPointer { wholeNumber(UnsafeBufferPointer(rebasing: $0[entry.range])) }
    }

    /// A number's text as the document writes it; `nil` for anything else.
    public var numberText: String? {
        guard let entry, entry.isA(.number) else { return nil }
        return storage.string(entry)
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
        guard let entry, entry.isA(.array) else { return [] }
        var views: [JSONView] = []
        if entry.next > index + 1 { views.reserveCapacity(count) }
        var at = index + 1
        while at < entry.next {
            views.append(view(at))
            at = storage.tape[at].next
        }
        return views
    }

    /// How many elements an array has; 0 for anything else.
    public var count: Int {
        guard let entry, entry.isA(.array) else { return 0 }
        var count = 0
        var at = index + 1
        while at < entry.next {
            count += 1
            at = storage.tape[at].next
        }
        return count
    }

    /// Hands over the elements of an array in order, without making a list of them.
    public func forEach(_ read: (JSONView) throws(Fault) -> Void) throws(Fault) {
        guard let entry, entry.isA(.array) else { return }
        var at = index + 1
        while at < entry.next {
            try read(view(at))
            at = storage.tape[at].next
        }
    }

    /// The members of an object in order; empty for anything else.
    public var members: [(key: String, value: JSONView)] {
        guard let entry, entry.isObject else { return [] }
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
        default: return storage.bytes[storage.range(entry)]
        }
    }

    /// This value and all below it, copied out; `null` when missing.
    public var tree: JSON { index >= 0 ? storage.tree(index) : .null }
}
