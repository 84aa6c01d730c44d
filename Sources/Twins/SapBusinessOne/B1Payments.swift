internal import Kernel
internal import Wire

/// Payments in and out.
extension B1Company {
    /// A document that a payment settles, or a part of it.
    private struct Applied {
        var row: B1Row
        var set: String
        var entry: Int
        /// 1 where it takes of the payment, -1 where it adds to it.
        var sign: Int64
        /// In the document's currency.
        var amount: Int64
        /// What the document's account holds for that.
        var booked: Int64
        /// What the payment gives for that, local and in its own currency.
        var worth: Int64
        var paid: Int64
    }

    private static let documentsPaid: [String: (set: String, isNote: Bool)] = [
        "it_Invoice": ("Invoices", false), "it_CredItnote": ("CreditNotes", true), "it_PurchaseInvoice": ("PurchaseInvoices", false),
        "it_PurchaseCreditNote": ("PurchaseCreditNotes", true),
    ]

    mutating func createPayment(_ set: B1Set, _ given: [String: JSON]) throws(B1Problem) -> (set: String, key: String) {
        var head = B1Row(given)
        let isIn = set.name == "IncomingPayments"
        let type = head.text("DocType").filled ?? (isIn ? "rCustomer" : "rSupplier")
        let date = head.text("DocDate").filled.flatMap { LocalDate($0) } ?? today
        try guardOpen(date)
        let currency = try currency(head.text("DocCurrency").filled ?? localCurrency, "\(set.table).DocCurr")
        let rate = try self.rate(head.decimal("DocRate"), currency, on: date)
        let about = Head(set: set, isSales: isIn, isService: false, currency: currency, rate: rate, isForeign: currency != localCurrency, date: date)
        let means = try means(&head, set)
        let total = means.reduce(Int64(0)) { $0 + $1.amount }
        guard means.allSatisfy({ $0.amount >= 0 }) else { throw .invalid("Invalid amount", "\(set.table).DocTotal") }
        // Money comes in as a debit of the bank's account.
        let sign: Int64 = isIn ? 1 : -1
        var lines: [B1Posting] = means.map { posting($0.account, "", sign * local($0.amount, about), sign * foreign($0.amount, about)) }
        var applied: [Applied] = []
        if type == "rAccount" {
            lines += try accounts(&head, total, about, sign)
        } else {
            let partner = try partner(head.text("CardCode"), isSales: type == "rCustomer", "\(set.table).CardCode")
            head["CardName"] = head["CardName"] ?? partner["CardName"]
            applied = try self.applied(head, about, partner, type, isIn)
            lines += try against(applied, total, about, partner, sign)
        }
        guard total > 0 || !applied.isEmpty else { throw .invalid("Enter an amount", "\(set.table).DocTotal") }
        fill(&head, about, type, applied)
        if user == .clerk, local(total, about) >= approvalsFrom {
            let key = "\(next("PaymentDrafts"))"
            (head["DocEntry"], head["AuthorizationStatus"]) = (.number(key), "pasPending")
            put("PaymentDrafts", key, head.values)
            return ("PaymentDrafts", key)
        }
        return (set.name, try post(head, about, lines, applied))
    }

    private func local(_ amount: Int64, _ about: Head) -> Int64 { about.isForeign ? B1Amount.local(amount, about.rate) : amount }
    private func foreign(_ amount: Int64, _ about: Head) -> Int64 { about.isForeign ? amount : 0 }
    private func posting(_ account: String, _ partner: String, _ local: Int64, _ foreign: Int64) -> B1Posting {
        B1Posting(account: account, partner: partner, local: local, foreign: foreign)
    }

    // MARK: - Money

    /// The accounts that money goes to, or comes from, in the payment's currency.
    private func means(_ head: inout B1Row, _ set: B1Set) throws(B1Problem) -> [(account: String, amount: Int64)] {
        var out: [(account: String, amount: Int64)] = []
        for (name, sum) in [("CashAccount", "CashSum"), ("TransferAccount", "TransferSum")] {
            let amount = head.minor(sum)
            guard amount != 0 else { continue }
            guard let account = head.text(name).filled else { throw .invalid("Specify an account", "\(set.table).\(name)") }
            try guardAccount(account, "\(set.table).\(name)")
            out.append((account, amount))
        }
        var cards: [JSON] = []
        for (place, json) in (head["PaymentCreditCards"]?.array ?? []).enumerated() {
            var row = B1Row(json)
            guard let card = record("CreditCards", row.int("CreditCard")) else { throw .invalid("Invalid credit card", "RCT3.CreditCard", line: place) }
            let account = row.text("CreditAcct").filled ?? card.text("GLAccount")
            try guardAccount(account, "RCT3.CreditAcct", line: place)
            (row["LineNum"], row["CreditAcct"]) = (.int(place), .string(account))
            cards.append(row.json)
            out.append((account, row.minor("CreditSum")))
        }
        head["PaymentCreditCards"] = .array(cards)
        return out.filter { $0.amount != 0 }
    }

    private func accounts(_ head: inout B1Row, _ total: Int64, _ about: Head, _ sign: Int64) throws(B1Problem) -> [B1Posting] {
        var lines: [B1Posting] = []
        var sum: Int64 = 0
        for (place, json) in (head["PaymentAccounts"]?.array ?? []).enumerated() {
            let row = B1Row(json)
            try guardAccount(row.text("AccountCode"), "RCT4.AcctCode", line: place, isManual: true)
            let amount = row.minor("SumPaid")
            sum += amount
            lines.append(posting(row.text("AccountCode"), "", -sign * local(amount, about), -sign * foreign(amount, about)))
        }
        guard sum == total, !lines.isEmpty else { throw .invalid("The sums of accounts and of means of payment differ", "\(about.set.table).DocTotal") }
        head["PaymentAccounts"] = numbered(head["PaymentAccounts"], "LineNum")
        // Each is rounded by itself.
        let rest = local(total, about) + sign * lines.reduce(Int64(0)) { $0 + $1.local }
        if rest != 0 { lines.append(posting(B1Seed.account("71000", self), "", -sign * rest, 0)) }
        return lines
    }

    // MARK: - What is settled

    private func applied(_ head: B1Row, _ about: Head, _ partner: B1Record, _ type: String, _ isIn: Bool) throws(B1Problem) -> [Applied] {
        var out: [Applied] = []
        var left: [String: (amount: Int64, local: Int64)] = [:]
        for (place, json) in (head["PaymentInvoices"]?.array ?? []).enumerated() {
            let row = B1Row(json)
            let kind = row.text("InvoiceType").filled ?? (type == "rCustomer" ? "it_Invoice" : "it_PurchaseInvoice")
            guard let known = Self.documentsPaid[kind], Self.isSales(known.set) == (type == "rCustomer"), let entry = row.int("DocEntry"),
                let document = record(known.set, entry), document.text("CardCode") == partner.key
            else { throw .missing }
            guard document.text("DocumentStatus") == "bost_Open", document.text("CancelStatus") == "csNo" else {
                throw B1Problem(-10, "Invoice is already closed or blocked   [Message 3524-20]")
            }
            let id = "\(known.set) \(entry)"
            let open = left[id] ?? self.open(document)
            // A customer's invoice takes of what comes in, and a note of what goes out.
            let isTaking = (type == "rCustomer") == isIn
            var one = Applied(row: row, set: known.set, entry: entry, sign: isTaking != known.isNote ? 1 : -1, amount: 0, booked: 0, worth: 0, paid: 0)
            try amounts(&one, document, open, about)
            guard one.amount > 0, one.amount <= open.amount else {
                throw B1Problem(-10, "Payment amount is greater than invoice amount  [RCT2.SumApplied][line: \(place + 1)]")
            }
            one.booked = one.amount == open.amount ? open.local : B1Amount.share(open.local, one.amount, of: open.amount)
            if document.text("DocCurrency") == localCurrency { one.worth = one.booked }
            left[id] = (open.amount - one.amount, open.local - one.booked)
            finish(&one, document, kind, place)
            out.append(one)
        }
        return out
    }

    /// How much of a document is settled, in its own words: `AppliedFC` of a foreign one, else `SumApplied`; all of it where nothing is said.
    private func amounts(_ one: inout Applied, _ document: B1Record, _ open: (amount: Int64, local: Int64), _ about: Head) throws(B1Problem) {
        let currency = document.text("DocCurrency")
        let isLocal = currency == localCurrency
        let rate = isLocal ? .one : currency == about.currency ? about.rate : try self.rate(one.row.decimal("DocRate"), currency, on: about.date)
        let sum = B1Amount.minor(one.row["SumApplied"]).map { abs($0) }
        if isLocal {
            one.amount = sum ?? open.amount
        } else if let applied = B1Amount.minor(one.row["AppliedFC"]).map({ abs($0) }), applied != 0 {
            one.amount = applied
        } else {
            one.amount = sum.map { B1Amount.foreign($0, rate) } ?? open.amount
        }
        one.worth = isLocal ? one.amount : B1Amount.local(one.amount, rate)
        one.paid = !about.isForeign ? one.worth : currency == about.currency ? one.amount : B1Amount.foreign(one.worth, about.rate)
    }

    private func finish(_ one: inout Applied, _ document: B1Record, _ kind: String, _ place: Int) {
        one.row["LineNum"] = .int(place)
        one.row["DocNum"] = document["DocNum"]
        one.row["InvoiceType"] = .string(kind)
        one.row["SumApplied"] = B1Amount.json(one.worth)
        one.row["AppliedFC"] = B1Amount.json(document.text("DocCurrency") == localCurrency ? 0 : one.amount)
        one.row["InstallmentId"] = one.row["InstallmentId"] ?? 1
    }

    /// The partner's account against the money; what rates did in between is a gain or a loss, and what is over stays with the partner.
    private func against(_ applied: [Applied], _ total: Int64, _ about: Head, _ partner: B1Record, _ sign: Int64) throws(B1Problem) -> [B1Posting] {
        let control = partner.text("DebitorAccount")
        var lines: [B1Posting] = []
        var (rest, restLocal) = (total, local(total, about))
        var gain: Int64 = 0
        for one in applied {
            let isForeign = one.row.minor("AppliedFC") != 0
            lines.append(posting(control, partner.key, -sign * one.sign * one.booked, isForeign ? -sign * one.sign * one.amount : 0))
            gain += one.sign * (one.worth - one.booked)
            rest -= one.sign * one.paid
            restLocal -= one.sign * one.worth
        }
        guard rest >= 0 else { throw .invalid("The amount is smaller than what is to be paid", "\(about.set.table).DocTotal") }
        if rest > 0 { lines.append(posting(control, partner.key, -sign * restLocal, -sign * foreign(rest, about))) } else { gain += restLocal }
        if gain != 0 { lines.append(posting(B1Seed.account("70000", self), "", -sign * gain, 0)) }
        return lines
    }

    private func fill(_ head: inout B1Row, _ about: Head, _ type: String, _ applied: [Applied]) {
        let date = JSON.string(about.date.description)
        (head["DocType"], head["DocTypte"], head["DocDate"]) = (.string(type), .string(type), date)
        for name in ["TaxDate", "DueDate", "VatDate"] { head[name] = head[name] ?? date }
        if head.minor("TransferSum") != 0 { head["TransferDate"] = head["TransferDate"] ?? date }
        (head["DocCurrency"], head["DocRate"]) = (.string(about.currency), about.isForeign ? .decimal(about.rate) : 0)
        (head["Cancelled"], head["CancelStatus"], head["HandWritten"], head["Printed"]) = ("tNO", "csNo", "tNO", "tNO")
        head["AuthorizationStatus"] = "pasWithout"
        head["DocObjectCode"] = .string(about.isSales ? "bopot_IncomingPayments" : "bopot_OutgoingPayments")
        head["PaymentInvoices"] = .array(applied.map { $0.row.json })
        head["JournalRemarks"] = head["JournalRemarks"] ?? .string("\(about.isSales ? "Incoming" : "Outgoing") Payments - \(head.text("CardCode"))")
    }

    private mutating func post(_ given: B1Row, _ about: Head, _ lines: [B1Posting], _ applied: [Applied]) throws(B1Problem) -> String {
        var head = given
        let set = about.set
        let entry = next(set.name)
        (head["DocEntry"], head["DocNum"], head["Series"]) = (.int(entry), .int(next("\(set.name)#")), .int(set.object))
        for one in applied { settle(one.set, one.entry, one.amount, one.booked) }
        head["_APPLIED"] = .array(applied.map { one in
            .object([("set", .string(one.set)), ("entry", .int(one.entry)), ("amount", B1Amount.json(one.amount)), ("local", B1Amount.json(one.booked))])
        })
        if !lines.allSatisfy({ $0.local == 0 && $0.foreign == 0 }) {
            let texts = (memo: head.text("JournalRemarks"), reference: "\(head.int("DocNum") ?? 0)", other: head.text("CounterReference"))
            head["_JDT"] = .int(book(lines.filter { $0.local != 0 || $0.foreign != 0 }, about, entry, head, texts))
        }
        put(set.name, "\(entry)", head.values)
        return "\(entry)"
    }
}
