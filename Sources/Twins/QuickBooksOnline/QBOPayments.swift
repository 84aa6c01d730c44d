internal import Kernel
internal import Wire

// Payments and what they are applied to.
extension QBOCompany {
    /// Transactions that a payment may be applied to.
    private static let linkable: [QBOKind] = [.invoice, .creditMemo, .journalEntry]

    mutating func payment(_ draft: QBODraft) throws(QBOError) -> JSON {
        let input = draft.input
        guard let customerID = input.reference("CustomerRef") else { throw .missing("CustomerRef") }
        guard let total = try input.cents("TotalAmt") else { throw .missing("TotalAmt") }
        guard total >= 0 else { throw .business("The transaction amount must be 0 or greater.", "TotalAmt") }
        let customer = try usable(.customer, customerID, "CustomerRef", active: draft.linesGiven)
        try requireHomeCurrency(input)
        if let id = input.reference("ARAccountRef") {
            let account = try usable(.account, id, "ARAccountRef")
            guard account.text("AccountType") == "Accounts Receivable" else {
                throw .business("ARAccountRef must be an Accounts Receivable account.", "ARAccountRef")
            }
        }
        let deposit = try depositAccount(draft)
        let lines = try paymentLines(draft, customer: customerID)
        let (charges, credits) = sides(lines)
        guard credits <= charges else {
            throw .business("The credits applied exceed the charges they are applied to.", "Line")
        }
        guard charges <= total + credits else {
            throw .business("The amount applied to transactions exceeds the amount of the payment.", "Line")
        }
        guard total > 0 || charges > 0 else {
            throw .business("A payment of 0 must apply a credit to a charge.", "TotalAmt")
        }

        var object = input.without(["Line", "CurrencyRef", "ExchangeRate", "TxnTaxDetail"])
        if !object.has("TxnDate") { object = object.setting("TxnDate", .string(QBOTime.today(now))) }
        object = object.setting(
            "CustomerRef", ["value": .string(customerID), "name": .optional(customer.text("DisplayName"))])
        object = object.setting("DepositToAccountRef", deposit).setting("CurrencyRef", QBOSeed.currency)
        object = object.setting("TotalAmt", .cents(total)).setting("UnappliedAmt", .cents(total + credits - charges))
        object = object.setting("ProcessPayment", false).setting("Line", .array(lines.map(Self.written)))
        return object
    }

    private static func written(_ link: QBOLink) -> JSON {
        ["Amount": .cents(link.cents), "LinkedTxn": [["TxnId": .string(link.id), "TxnType": .string(link.type)]]]
    }

    private func paymentLines(_ draft: QBODraft, customer: String) throws(QBOError) -> [QBOLink] {
        var links: [QBOLink] = []
        let own = QBOLink.of(draft.current)
        for line in draft.input["Line"]?.array ?? [] {
            guard let amount = try line.cents("Amount", element: "Line.Amount") else { throw .missing("Line.Amount") }
            guard amount >= 0 else { throw .negativeAmount("Line.Amount") }
            guard let linked = line["LinkedTxn"]?.array, linked.count == 1, let link = linked.first else {
                throw .missing("Line.LinkedTxn")
            }
            guard let id = link.text("TxnId") else { throw .missing("TxnId") }
            guard let type = link.text("TxnType") else { throw .missing("TxnType") }
            guard let kind = QBOKind(name: type), kind.rawValue == type, Self.linkable.contains(kind),
                let target = object(kind, id), !Self.isVoided(target), receivable(kind, target)?.customer == customer
            else { throw .cannotLink(id) }
            guard !links.contains(where: { $0.id == id }) else {
                throw .business("A transaction can be linked once.", "LinkedTxn")
            }
            let mine = own.first { $0.id == id }?.cents ?? 0
            let open = abs(receivable(kind, target)?.cents ?? 0) - applied(to: id) + mine
            guard amount <= open else {
                throw .business("The amount applied is more than the open balance of the transaction.", "Line.Amount")
            }
            links.append(QBOLink(id: id, type: type, cents: amount))
        }
        return links
    }

    /// What the links settle: charges (invoices, journal debits) and credits (credit memos, journal credits), in cents.
    private func sides(_ links: [QBOLink]) -> (charges: Int64, credits: Int64) {
        var charges: Int64 = 0
        var credits: Int64 = 0
        for link in links {
            guard let kind = QBOKind(name: link.type), let target = object(kind, link.id) else { continue }
            if (receivable(kind, target)?.cents ?? 0) >= 0 { charges += link.cents } else { credits += link.cents }
        }
        return (charges, credits)
    }

    /// Whose receivable a transaction changes and by how much: debit positive.
    private func receivable(_ kind: QBOKind, _ object: JSON) -> (customer: String, cents: Int64)? {
        switch kind {
        case .invoice: return object.reference("CustomerRef").map { ($0, object.storedCents("TotalAmt")) }
        case .creditMemo: return object.reference("CustomerRef").map { ($0, -object.storedCents("TotalAmt")) }
        case .journalEntry:
            for line in object["Line"]?.array ?? [] {
                guard let detail = line["JournalEntryLineDetail"], let account = detail.reference("AccountRef"),
                    self.object(.account, account)?.text("AccountType") == "Accounts Receivable",
                    let customer = detail.member("Entity", "EntityRef", "value")?.string
                else { continue }
                let cents = line.storedCents("Amount")
                return (customer, detail.text("PostingType") == "Debit" ? cents : -cents)
            }
            return nil
        default: return nil
        }
    }

    /// After a payment changed: brings balance, links and version of every transaction whose application changed up to
    /// date.
    mutating func refreshLinks(_ before: [QBOLink], _ after: [QBOLink]) {
        let old = Dictionary(before.map { ($0.id, $0.cents) }, uniquingKeysWith: +)
        let new = Dictionary(after.map { ($0.id, $0.cents) }, uniquingKeysWith: +)
        for id in Set(old.keys).union(new.keys).sorted() where old[id] != new[id] { refreshTarget(id) }
    }

    private mutating func refreshTarget(_ id: String) {
        guard let (kind, current) = transaction(id, Self.linkable) else { return }
        let payments = (applications[id] ?? [:]).keys.sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
        let links: [JSON] = payments.map { ["TxnId": .string($0), "TxnType": "Payment"] }
        var object = current.setting("LinkedTxn", .array(links))
        let open = JSON.cents(current.storedCents("TotalAmt") - applied(to: id))
        if kind != .journalEntry { object = object.setting("Balance", open) }
        if kind == .creditMemo { object = object.setting("RemainingCredit", open) }
        put(kind, id, headed(object, id: id, current: current))
    }

    /// Before a transaction goes: its payments keep their money, unapplied.
    mutating func unapply(_ id: String) {
        for payment in (applications[id] ?? [:]).keys.sorted() {
            guard let current = object(.payment, payment) else { continue }
            let before = QBOLink.of(current)
            var links = before.filter { $0.id != id }
            let total = current.storedCents("TotalAmt")
            if sides(links).credits > sides(links).charges { links = [] }
            let (charges, credits) = sides(links)
            let object = current.setting("Line", .array(links.map(Self.written)))
                .setting("UnappliedAmt", .cents(total + credits - charges))
            put(.payment, payment, headed(object, id: payment, current: current))
            refreshLinks(before, links)
        }
    }
}
