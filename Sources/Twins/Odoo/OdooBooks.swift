internal import Kernel
internal import TwinKit
internal import Wire

/// The books as the judge reads them.
extension OdooDatabase {
    /// Every entry that has lines, drafts and cancelled ones too (not live then).
    func entries() -> [LedgerEntry] {
        all("account.move").compactMap { move in
            let kind = kind(move)
            let places = places(move.int("currency_id"))
            let basePlaces = self.places(companyCurrency)
            var rows: [(account: String, minor: Int64, baseMinor: Int64)] = []
            for line in lines(of: move.id) {
                guard let account = record("account.account", line.int("account_id"))?.text("code") else { continue }
                let (minor, base) = (line.minor("amount_currency", places), line.minor("balance", basePlaces))
                if minor != 0 || base != 0 { rows.append((account, minor, base)) }
            }
            guard let date = move.date("date") else { return nil }
            let payment = record("account.payment", move.int("payment_id"))
            let texts = ["ref", "payment_reference", "invoice_origin", "narration", "name"].compactMap { move.text($0) }
                + ["memo", "ref", "payment_reference"].compactMap { payment?.text($0) }
            let reference = texts.first { $0.hasPrefix("cf:") } ?? move.text("ref") ?? texts.first ?? ""
            let key = texts.lazy.compactMap { KeyText.keys(in: $0.utf8).sorted().first }.first ?? ""
            let currency = record("res.currency", move.int("currency_id"))?.text("name") ?? ""
            return LedgerEntry(
                id: "\(name)/\(move.id)", kind: kind, reference: reference, key: key, date: date, currency: currency, lines: rows,
                live: move.text("state") == "posted")
        }
    }

    private func kind(_ move: OdooRecord) -> String {
        switch move.text("move_type") {
        case "out_invoice", "out_receipt": return "invoice"
        case "out_refund": return "credit_note"
        case "in_invoice", "in_receipt": return "bill"
        default:
            guard let payment = record("account.payment", move.int("payment_id")) else { return "journal" }
            return payment.text("payment_type") == "outbound" ? "refund_payment" : "payment"
        }
    }
}
