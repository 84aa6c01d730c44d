public import Kernel

/// JSON written straight to bytes, for hot paths: no tree in between. The caller keeps the grammar: every `beginObject`
/// has its `endObject`, every value in an object comes right after its `key`. Commas come by themselves.
public struct JSONStream: Sendable {
    public private(set) var bytes: [UInt8] = []
    /// A value was written on this level: the next key or element is preceded by a comma.
    private var hasValue = false

    public init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// The name of the value that follows: plain ASCII without quotes and backslashes.
    public mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        hasValue = false
    }

    public mutating func string(_ text: String) {
        separate()
        appendQuoted(text, to: &bytes)
        hasValue = true
    }

    public mutating func bool(_ value: Bool) {
        separate()
        bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
        hasValue = true
    }

    public mutating func value(_ json: JSON) {
        separate()
        bytes.append(contentsOf: json.bytes)
        hasValue = true
    }

    /// The decimal as a string of its digits, as `ExactDecimal.description` writes it.
    public mutating func decimal(_ value: ExactDecimal) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        if let coefficient = Int64(exactly: value.coefficient) {
            digits(coefficient, places: value.scale)
        } else {
            bytes.append(contentsOf: value.description.utf8)
        }
        bytes.append(UInt8(ascii: "\""))
        hasValue = true
    }

    /// An amount and its unit as a string: `"12.30 USD"`. `places` is how many of the digits stand behind the point.
    public mutating func amount(_ minor: Int64, places: Int, unit: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        digits(minor, places: places)
        bytes.append(32)
        bytes.append(contentsOf: unit.utf8)
        bytes.append(UInt8(ascii: "\""))
        hasValue = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        hasValue = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        hasValue = true
    }

    private mutating func separate() {
        if hasValue { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func digits(_ value: Int64, places: Int) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var left = value.magnitude
        // Twenty digits, and thirty zeros before them.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 52) { buffer in
            var at = buffer.count
            var written = 0
            repeat {
                if written == places, written > 0 {
                    at -= 1
                    buffer[at] = UInt8(ascii: ".")
                }
                at -= 1
                buffer[at] = UInt8(truncatingIfNeeded: left % 10) + 48
                left /= 10
                written += 1
            } while left > 0 || written <= places
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[at...]))
        }
    }
}
