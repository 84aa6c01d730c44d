/// A reader of the world's bytes with the rule that it keeps, whatever they are.
public struct FuzzTarget: Sendable {
    public enum Verdict: Sendable, Equatable {
        /// What came of the input, in few words: inputs with a new one are worth keeping. What was accepted begins with `read`.
        case fine(String)
        case broken(String)
    }

    public var name: String
    /// In one line.
    public var rule: String
    public var check: @Sendable ([UInt8]) -> Verdict

    /// Where its corpus is in a checkout.
    public var folder: String { "Tests/FuzzTests/Fixtures/corpus/\(name)" }

    public static let all: [FuzzTarget] = [
        FuzzTarget(name: "json", rule: "what is accepted, written and read again is the same", check: json),
        FuzzTarget(name: "json5", rule: "what is accepted is JSON with the same content, and JSON is read as it is", check: json5),
        FuzzTarget(name: "xml", rule: "what is accepted, written and read again is the same", check: xml),
        FuzzTarget(name: "csv", rule: "what is accepted, written and read again is the same", check: csv),
        FuzzTarget(name: "multipart", rule: "what is accepted, written and read again is the same", check: multipart),
        FuzzTarget(name: "form", rule: "pairs that were read, written and read again are the same", check: form),
        FuzzTarget(name: "http", rule: "however a request is cut into pieces, it is read the same", check: http),
        FuzzTarget(name: "reply", rule: "however a reply comes in pieces it is the same; it stays within its bounds, and fields are lines", check: reply),
        FuzzTarget(name: "pgvalue", rule: "values survive being sent back; numbers are what their digits say; errors quote no value", check: pgvalue),
    ]
}

extension FuzzTarget {
    /// How large something is, roughly: a doubling is worth a look.
    static func size(_ count: Int) -> Int { count.bitWidth - count.leadingZeroBitCount }
}
