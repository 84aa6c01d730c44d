internal import Kernel
internal import Wire

// The company's preference to apply credits by itself.
extension QBOCompany {
    /// After an invoice or a credit memo came in: a company that applies credits by itself sets one off against the other, oldest first, by a
    /// payment of nothing.
    /// - Source: QuickBooks Online API reference, Preferences, `SalesFormsPrefs.AutoApplyCredit`.
    mutating func applyCredits(_ kind: QBOKind, _ id: String) {
        guard kind == .invoice || kind == .creditMemo, prefers("SalesFormsPrefs", "AutoApplyCredit"), let object = object(kind, id),
            let customer = object.reference("CustomerRef")
        else { return }
        let other: QBOKind = kind == .invoice ? .creditMemo : .invoice
        var left = open(object, id)
        var lines: [QBOLink] = []
        for candidate in table(other).all where candidate.reference("CustomerRef") == customer && !Self.isVoided(candidate) {
            guard let otherID = candidate.text("Id") else { continue }
            let cents = min(left, open(candidate, otherID))
            guard cents > 0 else { continue }
            lines.append(QBOLink(id: otherID, type: other.rawValue, cents: cents))
            left -= cents
        }
        let sum = lines.reduce(0) { $0 + $1.cents }
        guard sum > 0 else { return }
        lines.append(QBOLink(id: id, type: kind.rawValue, cents: sum))
        let body: JSON = [
            "CustomerRef": ["value": .string(customer)], "TotalAmt": 0, "TxnDate": object["TxnDate"] ?? .string(QBOTime.today(now)),
            "PrivateNote": "Created by QB Online to link credits to charges.", "Line": .array(lines.map(Self.written)),
        ]
        do throws(QBOError) {
            let payment = try payment(QBODraft(input: body, current: nil, linesGiven: true))
            let paymentID = nextID(.payment)
            put(.payment, paymentID, headed(payment, id: paymentID, current: nil))
            refreshLinks([], lines)
        } catch {
            // A customer who is inactive by now: the credit stays where it is.
            return
        }
    }

    private func open(_ object: JSON, _ id: String) -> Int64 { object.storedCents("TotalAmt") - applied(to: id) }
}
