/// The identity of one ledger document: 16 characters of Crockford base32, a digest of (tenant, flow, subject, form,
/// generation). Short enough for every ledger's number field; an intent is a `PostKey` and a revision.
public struct PostKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let text: String

    /// `nil` unless 16 characters of the alphabet.
    public init?(_ text: some StringProtocol) {
        let s = String(text)
        guard s.utf8.count == 16, s.utf8.allSatisfy({ PostKey.alphabet.contains($0) }) else { return nil }
        self.text = s
    }

    private static let alphabet = Set("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    public var description: String { text }
    public static func < (a: PostKey, b: PostKey) -> Bool { a.text < b.text }
}
