/// What a ledger's fields can hold, in characters; `nil`: no limit known.
public struct LedgerLimits: Sendable, Equatable {
    /// Longer item names are shortened (`shortName`), the full text goes to the line's note.
    public var itemName: Int?
    public var lineNote: Int?
    public var reference: Int?
    public var documentNote: Int?
    public var partyName: Int?
    /// The ledger takes no document of total zero.
    public var refusesZeroTotal: Bool

    public init(
        itemName: Int? = nil, lineNote: Int? = nil, reference: Int? = nil, documentNote: Int? = nil,
        partyName: Int? = nil,
        refusesZeroTotal: Bool = false
    ) {
        self.itemName = itemName
        self.lineNote = lineNote
        self.reference = reference
        self.documentNote = documentNote
        self.partyName = partyName
        self.refusesZeroTotal = refusesZeroTotal
    }
}

/// A name of at most `limit` characters for a longer one: its beginning and a mark made of the whole text, so that
/// two texts that differ anywhere get two names, the same one at every run. Cut between characters, never inside one.
/// With a `limit` under 10 the mark alone.
public func shortName(_ full: String, limit: Int) -> String {
    guard full.count > limit else { return full }
    // FNV-1a, 64 bits: stable everywhere, unlike Hashable. 13 characters of 5 bits would hold it; 8 leave 40 bits,
    // plenty within one catalogue.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in full.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    // FNV's high bits lag behind for short tails: fold them.
    hash ^= hash >> 29
    let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")
    var mark = ""
    for n in 0 ..< min(8, max(limit, 1)) { mark.append(alphabet[Int(hash >> UInt64(n * 5) & 31)]) }
    guard limit >= 10 else { return mark }
    var head = String(full.prefix(limit - 9))
    while head.last == " " { head.removeLast() }
    return head + "~" + mark
}
