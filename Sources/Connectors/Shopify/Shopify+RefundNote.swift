internal import Books
internal import Kernel

/// What people write into a refund's note for the books: `reason=damaged,too_small; restocking=3.00;
/// return_shipping=4.50`. `reason` gives one code for all lines, or one for each in order. A note of any other form is
/// free text and says nothing.
struct RefundNote: Sendable, Equatable {
    var reasons: [String] = []
    var fees: [ReturnFee] = []

    /// `nil` for free text.
    init?(_ text: String, lines: Int, currency: Currency) {
        guard text.utf8.count <= ShopifyLimits.noteCharacters else { return nil }
        var seen: Set<String> = []
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "=", omittingEmptySubsequences: false).map { Self.trimmed($0) }
            guard halves.count == 2, !halves[1].isEmpty, seen.insert(halves[0]).inserted else { return nil }
            switch halves[0] {
            case "reason":
                reasons = halves[1].split(separator: ",", omittingEmptySubsequences: false).map { Self.trimmed($0) }
                guard reasons.allSatisfy(Self.isCode), reasons.count == 1 || reasons.count == lines else { return nil }
            case "restocking", "return_shipping":
                guard let kind = ReturnFee.Kind(rawValue: halves[0]), let amount = Money(halves[1], currency),
                    (0 ... ShopifyLimits.amountMinor).contains(amount.minor)
                else { return nil }
                if !amount.isZero { fees.append(ReturnFee(id: halves[0], kind: kind, amount: amount)) }
            default: return nil
            }
        }
        guard !seen.isEmpty else { return nil }
        // One order, however they were written: the same note read twice gives the same fees.
        fees.sort { $0.id < $1.id }
    }

    /// The code of the line at `index`.
    func reason(_ index: Int) -> String? {
        reasons.count == 1 ? reasons[0] : reasons.indices.contains(index) ? reasons[index] : nil
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var part = Substring(text)
        while let first = part.first, first == " " || first == "\n" || first == "\t" { part.removeFirst() }
        while let last = part.last, last == " " || last == "\n" || last == "\t" { part.removeLast() }
        return String(part)
    }

    private static func isCode(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= ShopifyLimits.idCharacters
            && text.utf8.allSatisfy {
                ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 95 || $0 == 45
                    || $0 == 46
            }
    }
}
