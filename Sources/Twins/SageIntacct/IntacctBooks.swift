internal import Kernel
internal import TwinKit
internal import Wire

/// The books under the documents. Journal lines are worked out from the documents as they stand, so the two can't disagree.
extension IntacctCompany {
    /// Debits and credits by account, in the order of first use; debit positive.
    private struct Posting {
        private var order: [String] = []
        private var sums: [String: (minor: Int64, base: Int64)] = [:]

        mutating func add(_ account: String, _ minor: Int64, _ base: Int64) {
            if sums[account] == nil { order.append(account) }
            let old = sums[account] ?? (0, 0)
            sums[account] = (old.minor + minor, old.base + base)
        }

        var lines: [(account: String, minor: Int64, baseMinor: Int64)] {
            order.map { ($0, sums[$0]?.minor ?? 0, sums[$0]?.base ?? 0) }.filter { $0.1 != 0 || $0.2 != 0 }
        }
    }

    private static let kept = ["ARINVOICE", "ARADJUSTMENT", "ARPYMT", "ARADVANCE", "OTHERRECEIPTS", "DEPOSIT", "APBILL", "APADJUSTMENT", "APPYMT", "GLBATCH"]

    /// Every document, drafts, reversed and deleted ones too (not live then).
    func entries() -> [LedgerEntry] {
        Self.kept.flatMap { object in everything(object).compactMap { entry(object, $0) } }
    }

    private func entry(_ object: String, _ record: IntacctRecord) -> LedgerEntry? {
        let fields = ["GLBATCH": "BATCH_DATE", "ARPYMT": "PAYMENTDATE", "APPYMT": "PAYMENTDATE", "OTHERRECEIPTS": "PAYMENTDATE", "ARADVANCE": "PAYMENTDATE"]
        guard let date = record.day(fields[object] ?? "WHENPOSTED") ?? record.day("WHENCREATED") else { return nil }
        let isDraft = ["Draft", "Submitted"].contains(record["STATE"]) || !record["_NOGL"].isEmpty
        let isLive = !isDraft && !record.isDeleted && !["Reversed", "Voided"].contains(record["STATE"])
        let texts = ["RECORDID", "DOCNUMBER", "REFERENCENO", "BATCH_TITLE", "DESCRIPTION", "_EXTERNAL", "SHOP_ID"].map { record[$0] }.filter { !$0.isEmpty }
        let key = texts.lazy.compactMap { KeyText.keys(in: $0.utf8).sorted().first }.first ?? ""
        return LedgerEntry(
            id: "\(name)/\(object)/\(record.no)", kind: kind(object, record), reference: texts.first { $0.hasPrefix("cf:") } ?? texts.first ?? "", key: key,
            date: date, currency: record["CURRENCY"].filled ?? lines(object, of: record.no).first?["CURRENCY"].filled ?? "USD",
            lines: isDraft ? [] : posting(object, record).lines, live: isLive)
    }

    private func kind(_ object: String, _ record: IntacctRecord) -> String {
        let isNegative = record["TRX_TOTALENTERED"].hasPrefix("-")
        switch object {
        case "ARINVOICE": return "invoice"
        case "ARADJUSTMENT": return isNegative ? "credit_note" : "invoice"
        case "ARPYMT", "ARADVANCE": return "payment"
        case "OTHERRECEIPTS": return isNegative ? "refund_payment" : "sales_receipt"
        case "DEPOSIT": return "deposit"
        case "APBILL", "APADJUSTMENT": return "bill"
        case "APPYMT": return "bill_payment"
        default: return "journal"
        }
    }

    private func posting(_ object: String, _ record: IntacctRecord) -> Posting {
        switch object {
        case "ARINVOICE", "ARADJUSTMENT", "OTHERRECEIPTS", "ARADVANCE": trade(object, record, sign: 1)
        case "APBILL", "APADJUSTMENT": trade(object, record, sign: -1)
        case "ARPYMT", "APPYMT": settlement(object, record)
        case "DEPOSIT": deposit(record)
        default: journal(record)
        }
    }

    /// What a line is worth, against what stands opposite: the customer's account, the vendor's, the bank.
    private func trade(_ object: String, _ record: IntacctRecord, sign: Int64) -> Posting {
        var out = Posting()
        let (places, basePlaces) = (Self.places(record["CURRENCY"]), Self.places(record["BASECURR"]))
        for line in lines(object, of: record.no) {
            let (minor, base) = (sign * line.minor("TRX_AMOUNT", places), sign * line.minor("AMOUNT", basePlaces))
            out.add(line["OFFSETGLACCOUNTNO"], minor, base)
            out.add(line["ACCOUNTNO"], -minor, -base)
            for tax in records("_TAXENTRY", where: "RECORDKEY", is: "\(line.no)") {
                let (taxMinor, taxBase) = (sign * tax.minor("TRX_TAX", places), sign * tax.minor("TAX", basePlaces))
                out.add(line["OFFSETGLACCOUNTNO"], taxMinor, taxBase)
                out.add(tax["ACCOUNTNO"], -taxMinor, -taxBase)
            }
        }
        return out
    }

    /// Money against what it settles, each at its own rate; the difference is a gain or a loss.
    private func settlement(_ object: String, _ record: IntacctRecord) -> Posting {
        var out = Posting()
        let side = IntacctSide.of(object)
        let sign: Int64 = side.isSales ? 1 : -1
        let (places, basePlaces) = (Self.places(record["CURRENCY"]), Self.places(record["BASECURR"]))
        let (total, base) = (record.minor("TRX_TOTALENTERED", places), record.minor("TOTALENTERED", basePlaces))
        var (rest, restBase) = (total, base)
        var gain: Int64 = 0
        if total != 0 { out.add(record["_ACCOUNT"].filled ?? side.control, sign * total, sign * base) }
        for detail in lines(object, of: record.no) {
            let (paid, open) = (detail.minor("TRX_PAYMENTAMOUNT", places), detail.minor("_OPEN", basePlaces))
            let worth = detail.minor("PAYMENTAMOUNT", basePlaces)
            if paid != 0 { out.add(detail["_CONTROL"], -sign * paid, -sign * open) }
            gain += worth - open
            (rest, restBase) = (rest - paid, restBase - worth)
            let credit = detail.minor("_CREDITTRX", places)
            guard credit != 0 else { continue }
            let (used, settled) = (detail.minor("_CREDIT", basePlaces), detail.minor("_CREDITOPEN", basePlaces))
            out.add(detail["_CREDITACCOUNT"], sign * credit, sign * used)
            out.add(detail["_CONTROL"], -sign * credit, -sign * settled)
            gain += used - settled
        }
        // What was overpaid stays on the customer's account; without it, what rounding left over is no more than a gain.
        if rest != 0 { out.add(side.control, -sign * rest, -sign * restBase) } else { gain += restBase }
        out.add(IntacctSeed.exchangeGain, 0, -sign * gain)
        return out
    }

    private func deposit(_ record: IntacctRecord) -> Posting {
        var out = Posting()
        let (places, basePlaces) = (Self.places(record["CURRENCY"]), Self.places(record["BASECURR"]))
        for entry in lines("DEPOSIT", of: record.no) {
            let (minor, base) = (entry.minor("TRX_AMOUNT", places), entry.minor("AMOUNT", basePlaces))
            out.add(record["_ACCOUNT"], minor, base)
            out.add(entry["ACCOUNTNO"], -minor, -base)
        }
        return out
    }

    private func journal(_ record: IntacctRecord) -> Posting {
        var out = Posting()
        for line in lines("GLBATCH", of: record.no) {
            let sign: Int64 = line["TR_TYPE"] == "-1" ? -1 : 1
            let (minor, base) = (line.minor("TRX_AMOUNT", Self.places(line["CURRENCY"])), line.minor("AMOUNT", Self.places(line["BASECURR"])))
            out.add(line["ACCOUNTNO"], sign * minor, sign * base)
        }
        return out
    }

    // MARK: - GLDETAIL

    /// The lines of all live entries, as the object that reports read.
    func details() -> [IntacctRecord] {
        var out: [IntacctRecord] = []
        for entry in entries() where entry.live {
            let path = entry.id.split(separator: "/")
            let owner = path.count == 3 ? record(String(path[1]), Int(path[2])) : nil
            let day = IntacctTime.day(entry.date)
            for (place, line) in entry.lines.enumerated() {
                let base = IntacctAmount.text(abs(line.baseMinor), 2)
                let isDebit = line.baseMinor >= 0
                let values: [String: String] = [
                    "BATCHKEY": "\(owner?.no ?? 0)", "BATCH_DATE": day, "ENTRY_DATE": day, "BATCH_TITLE": entry.reference,
                    "REFERENCENO": owner?["REFERENCENO"] ?? "",
                    "DOCUMENT": owner?["RECORDID"].filled ?? owner?["DOCNUMBER"] ?? "", "LINE_NO": "\(place + 1)", "ACCOUNTNO": line.account,
                    "ACCOUNTTITLE": named("GLACCOUNT", line.account)?["TITLE"] ?? "", "TR_TYPE": isDebit ? "1" : "-1", "CURRENCY": entry.currency,
                    "BASECURR": owner?["BASECURR"].filled ?? "USD", "DEBITAMOUNT": isDebit ? base : "", "CREDITAMOUNT": isDebit ? "" : base,
                    "AMOUNT": IntacctAmount.text(line.baseMinor, 2), "TRX_AMOUNT": IntacctAmount.text(line.minor, Self.places(entry.currency)),
                    "MODULEKEY": owner?["MODULEKEY"].filled ?? owner?["MODULE"] ?? "", "DESCRIPTION": owner?["DESCRIPTION"] ?? "", "BOOKID": "ACCRUAL",
                    "SYMBOL": owner?["JOURNAL"] ?? "", "MEGAENTITYID": owner?["MEGAENTITYID"] ?? "",
                ]
                out.append(IntacctRecord(no: out.count + 1, values: values))
            }
        }
        return out
    }
}
