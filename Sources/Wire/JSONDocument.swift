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
@usableFromInline
final class JSONStorage: Sendable {
    @usableFromInline let bytes: [UInt8]
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

    /// The index of the value under that key in the object at `index`; negative when there is none or it is no object.
    @usableFromInline
    func find(_ key: StaticString, in index: Int) -> Int {
        guard index >= 0 else { return -1 }
        return key.withUTF8Buffer { find($0, in: index) }
    }

    @usableFromInline
    func find(_ key: String, in index: Int) -> Int {
        guard index >= 0 else { return -1 }
        var key = key
        return key.withUTF8 { find($0, in: index) }
    }

    @inline(__always)
    private func find(_ wanted: UnsafeBufferPointer<UInt8>, in index: Int) -> Int {
        let link = TapeEntry.link(ofKey: keyHash(wanted, 0, wanted.count))
        return bytes.withUnsafeBufferPointer { text in
            tape.withUnsafeBufferPointer { tape in
                let object = tape[index]
                guard object.isA(.object) else { return object.isObject ? lookUp(wanted, link, object, tape, text) : -1 }
                var key = index &+ 1
                let end = object.next
                while key < end {
                    let entry = tape[key]
                    if entry.link == link ? isKey(entry, wanted, text) : entry.isEscaped && isEscapedKey(entry, wanted, text) {
                        return key &+ 1
                    }
                    key = tape[key &+ 1].next
                }
                return -1
            }
        }
    }

    /// The same in an object with an index.
    @inline(__always)
    private func lookUp(
        _ wanted: UnsafeBufferPointer<UInt8>, _ link: UInt32, _ object: TapeEntry, _ tape: UnsafeBufferPointer<TapeEntry>,
        _ text: UnsafeBufferPointer<UInt8>
    ) -> Int {
        indices.withUnsafeBufferPointer { indices in
            let from = Int(object.end) &+ 2
            let slots = Int(indices[from &- 1])
            var slot = Int(link) & (slots &- 1)
            while indices[from &+ slot] != 0 {
                let key = Int(indices[from &+ slot])
                if tape[key].link == link, isKey(tape[key], wanted, text) { return key &+ 1 }
                slot = (slot &+ 1) & (slots &- 1)
            }
            return -1
        }
    }

    /// The bytes of a value's text, of strings without their quotes.
    func range(_ entry: TapeEntry) -> Range<Int> {
        entry.isA(.indexed) ? Int(entry.start) ..< Int(indices[Int(entry.end)]) : entry.range
    }

    @inline(__always)
    private func isKey(_ key: TapeEntry, _ wanted: UnsafeBufferPointer<UInt8>, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard key.length == wanted.count else { return false }
        guard let here = text.baseAddress, let there = wanted.baseAddress else { return wanted.isEmpty }
        return isSame(here + Int(key.start), there, wanted.count)
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

// What views ask for, by the index of an entry, negative where there is none. Views themselves are inlined where they
// are used, so that a chain of them counts no references.
extension JSONStorage {
    @usableFromInline
    func isNull(_ index: Int) -> Bool { index < 0 || tape[index].isA(.null) }

    @usableFromInline
    func isObject(_ index: Int) -> Bool { index >= 0 && tape[index].isObject }

    @usableFromInline
    func isArray(_ index: Int) -> Bool { index >= 0 && tape[index].isA(.array) }

    @usableFromInline
    func bool(_ index: Int) -> Bool? {
        guard index >= 0 else { return nil }
        if tape[index].isA(.yes) { return true }
        return tape[index].isA(.no) ? false : nil
    }

    @usableFromInline
    func string(_ index: Int) -> String? {
        guard index >= 0 else { return nil }
        let entry = tape[index]
        guard entry.isA(.string) || entry.isA(.escaped) else { return nil }
        return string(entry)
    }

    /// `known` itself where it is the same text, byte by byte.
    @usableFromInline
    func string(_ index: Int, like known: String) -> String? {
        guard index >= 0, tape[index].isA(.string) else { return string(index) }
        let entry = tape[index]
        guard entry.length == known.utf8.count else { return string(entry) }
        var other = known
        let same = bytes.withUnsafeBufferPointer { text in
            other.withUTF8 { other in
                guard let here = text.baseAddress, let there = other.baseAddress else { return false }
                return isSame(here + Int(entry.start), there, other.count)
            }
        }
        return same ? known : string(entry)
    }

    /// Where the bytes of a string without escapes are; `nil` for anything else.
    @usableFromInline
    func plainRange(_ index: Int) -> Range<Int>? {
        index >= 0 && tape[index].isA(.string) ? tape[index].range : nil
    }

    @usableFromInline
    func int(_ index: Int) -> Int? {
        guard index >= 0, tape[index].isA(.number) else { return nil }
        let range = tape[index].range
        return bytes.withUnsafeBufferPointer { wholeNumber(UnsafeBufferPointer(rebasing: $0[range])) }
    }

    @usableFromInline
    func numberText(_ index: Int) -> String? {
        guard index >= 0, tape[index].isA(.number) else { return nil }
        return string(tape[index])
    }

    @usableFromInline
    func decimal(_ index: Int) -> ExactDecimal? {
        guard index >= 0 else { return nil }
        let entry = tape[index]
        switch entry.kind {
        case .number, .string:
            return bytes.withUnsafeBufferPointer { text in
                let part = UnsafeBufferPointer(rebasing: text[entry.range])
                return plainDecimal(part) ?? ExactDecimal(utf8: part)
            }
        case .escaped: return ExactDecimal(string(entry))
        default: return nil
        }
    }

    @usableFromInline
    func scaled(_ index: Int, places: Int) -> Int64? {
        guard index >= 0 else { return nil }
        let entry = tape[index]
        if entry.isA(.string) || entry.isA(.number) {
            let quick = bytes.withUnsafeBufferPointer { scaledDecimal(UnsafeBufferPointer(rebasing: $0[entry.range]), places: places) }
            if let quick { return quick }
        }
        guard let decimal = decimal(index)?.shortest, decimal.scale <= places else { return nil }
        return decimal.rescaled(toScale: places).flatMap(\.smallCoefficient)
    }

    /// How many elements an array has; 0 for anything else.
    @usableFromInline
    func count(_ index: Int) -> Int {
        guard isArray(index) else { return 0 }
        var count = 0
        var at = index + 1
        while at < tape[index].next {
            count += 1
            at = tape[at].next
        }
        return count
    }

    /// The first element of an array; negative when it has none.
    @usableFromInline
    func first(_ index: Int) -> Int { isArray(index) && index + 1 < tape[index].next ? index + 1 : -1 }

    /// The element after the one at `index` in the array at `array`; negative when there is none.
    @usableFromInline
    func next(_ index: Int, in array: Int) -> Int {
        let next = tape[index].next
        return next < tape[array].next ? next : -1
    }
}

/// A position in a document, or the absence of one: lookups chain and never trap. Costs one reference; copy it freely.
public struct JSONView: Sendable {
    @usableFromInline let storage: JSONStorage
    /// Negative when there is no such value.
    @usableFromInline let index: Int

    @inlinable
    init(storage: JSONStorage, index: Int) {
        self.storage = storage
        self.index = index
    }

    private var entry: TapeEntry? { index >= 0 ? storage.tape[index] : nil }
    private func view(_ at: Int) -> JSONView { JSONView(storage: storage, index: at) }

    /// The member under that key; a view with `exists == false` when there is none.
    @inlinable
    public subscript(_ key: StaticString) -> JSONView { JSONView(storage: storage, index: storage.find(key, in: index)) }

    /// The member under that key; a view with `exists == false` when there is none.
    // Literals are keys of the kind above: there is no string to make for them.
    @_disfavoredOverload
    public subscript(_ key: some StringProtocol) -> JSONView { view(storage.find(String(key), in: index)) }

    /// The same as `self[first][second][third]`.
    @inlinable
    public subscript(_ first: StaticString, _ second: StaticString, _ third: StaticString) -> JSONView {
        let inner = storage.find(second, in: storage.find(first, in: index))
        return JSONView(storage: storage, index: storage.find(third, in: inner))
    }

    /// Whether the document has a value here, be it `null`.
    @inlinable public var exists: Bool { index >= 0 }

    /// Whether the value is `null` or missing.
    @inlinable public var isNull: Bool { storage.isNull(index) }

    @inlinable public var isObject: Bool { storage.isObject(index) }
    @inlinable public var isArray: Bool { storage.isArray(index) }

    @inlinable public var string: String? { storage.string(index) }

    /// The same as `string`. Where it is `known`, byte by byte, that is given back and no other text made: for texts that
    /// are the same again and again.
    @inlinable
    public func string(like known: String) -> String? { storage.string(index, like: known) }

    /// What `read` makes of a string's UTF-8; `nil` for anything else. Only a string with escapes is copied for it.
    @inlinable
    public func withUTF8<Outcome>(_ read: (UnsafeBufferPointer<UInt8>) -> Outcome?) -> Outcome? {
        if let range = storage.plainRange(index) {
            return storage.bytes.withUnsafeBufferPointer { read(UnsafeBufferPointer(rebasing: $0[range])) }
        }
        guard var text = string else { return nil }
        return text.withUTF8(read)
    }

    @inlinable public var bool: Bool? { storage.bool(index) }

    /// A number written without fraction and exponent that fits 64 bits.
    @inlinable public var int: Int? { storage.int(index) }

    /// A number's text as the document writes it; `nil` for anything else.
    @inlinable public var numberText: String? { storage.numberText(index) }

    /// A number, or a string that holds one, exactly; `nil` beyond 37 digits or 30 places.
    @inlinable public var decimal: ExactDecimal? { storage.decimal(index) }

    /// `decimal` times ten to the power of `places` (0 ... 30), exactly; `nil` where that has a fraction or does not fit
    /// 64 bits.
    @inlinable
    public func scaled(places: Int) -> Int64? { storage.scaled(index, places: places) }

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
    @inlinable public var count: Int { storage.count(index) }

    /// Hands over the elements of an array in order, without making a list of them.
    @inlinable
    public func forEach(_ read: (JSONView) throws(Fault) -> Void) throws(Fault) {
        var at = storage.first(index)
        while at >= 0 {
            try read(JSONView(storage: storage, index: at))
            at = storage.next(at, in: index)
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
