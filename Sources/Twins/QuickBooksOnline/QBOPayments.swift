internal import Kernel
internal import Wire

/// The two sides on which open amounts are settled: what customers owe, and what is owed to vendors.
enum QBOSide: Sendable, CaseIterable {
    case customers, vendors

    /// `nil` for an account that holds neither.
    init?(_ account: JSON) {
        switch account.text("AccountType") {
        case "Accounts Receivable": self = .customers
        case "Accounts Payable": self = .vendors
        default: return nil
        }
    }

    /// Who it is owed by or to.
    var party: QBOKind { self == .customers ? .customer : .vendor }
    var settlement: QBOKind { self == .customers ? .payment : .billPayment }
    /// Transactions that a settlement may be applied to.
    var linkable: [QBOKind] { self == .customers ? [.invoice, .creditMemo, .journalEntry] : [.bill, .vendorCredit, .journalEntry] }
    var accountType: String { self == .customers ? "Accounts Receivable" : "Accounts Payable" }

    /// - Source: public bug reports quote both texts.
    var missingParty: String {
        self == .customers
            ? "When you use Accounts Receivable, you must choose a customer in the Name field."
            : "When you use Accounts Payable, you must choose a vendor in the Name field."
    }
}

// Payments of customers and to vendors, and what they are applied to.
extension QBOCompany {
    mutating func payment(_ draft: QBODraft) throws(QBOError) -> JSON {
        let input = draft.input
        guard let customerID = input.reference("CustomerRef") else { throw .missing("CustomerRef") }
        let total = try paid(input)
        let customer = try usable(.customer, customerID, "CustomerRef", active: draft.linesGiven)
        try requireHomeCurrency(input)
        if input.reference("ARAccountRef") != nil { _ = try controlAccount(.customers, draft, "ARAccountRef") }
        let deposit = try depositAccount(draft)
        let lines = try links(draft, .customers, party: customerID)
        let left = try unapplied(total, lines, .customers)

        var object = input.without(["Line", "CurrencyRef", "ExchangeRate", "TxnTaxDetail"])
        if !object.has("TxnDate") { object = object.setting("TxnDate", .string(QBOTime.today(now))) }
        object = object.setting(
            "CustomerRef", ["value": .string(customerID), "name": .optional(customer.text("DisplayName"))])
        object = object.setting("DepositToAccountRef", deposit).setting("CurrencyRef", country.currency)
        object = object.setting("TotalAmt", .cents(total)).setting("UnappliedAmt", .cents(left))
        object = object.setting("ProcessPayment", false).setting("Line", .array(lines.map(Self.written)))
        return object
    }

    /// A payment to a vendor.
    /// - Source: QuickBooks Online API reference, BillPayment: what it pays beyond its lines is a credit with the vendor.
    mutating func billPayment(_ draft: QBODraft) throws(QBOError) -> JSON {
        let input = draft.input
        guard let vendorID = input.reference("VendorRef") else { throw .missing("VendorRef") }
        guard input["Line"]?.array != nil else { throw .missing("Line") }
        let total = try paid(input)
        let vendor = try usable(.vendor, vendorID, "VendorRef", active: draft.linesGiven)
        try requireHomeCurrency(input)
        let payable = try controlAccount(.vendors, draft, "APAccountRef")
        var object = input.without(["Line", "CurrencyRef", "ExchangeRate", "TxnTaxDetail", "APAccountRef"])
        guard let type = input.text("PayType") else { throw .missing("PayType") }
        let (member, reference) = type == "Check" ? ("CheckPayment", "BankAccountRef") : ("CreditCardPayment", "CCAccountRef")
        guard let detail = input.member(member), let accountID = detail.reference(reference) else { throw .missing("\(member).\(reference)") }
        let account = try usable(.account, accountID, reference, active: draft.linesGiven)
        guard account.text("AccountType") == (type == "Check" ? "Bank" : "Credit Card") else {
            throw .business("The account of a \(type == "Check" ? "check must be a Bank" : "card must be a Credit Card") account.", reference)
        }
        let lines = try links(draft, .vendors, party: vendorID)
        _ = try unapplied(total, lines, .vendors)
        if !object.has("TxnDate") { object = object.setting("TxnDate", .string(QBOTime.today(now))) }
        object = object.setting(member, detail.setting(reference, ["value": .string(accountID), "name": .optional(account.text("Name"))]))
        object = object.setting("VendorRef", ["value": .string(vendorID), "name": .optional(vendor.text("DisplayName"))])
        object = try placed(object, active: draft.linesGiven).setting("APAccountRef", payable).setting("CurrencyRef", country.currency)
        return object.setting("TotalAmt", .cents(total)).setting("Line", .array(lines.map(Self.written)))
    }

    private func paid(_ input: JSON) throws(QBOError) -> Int64 {
        guard let total = try input.cents("TotalAmt") else { throw .missing("TotalAmt") }
        guard total >= 0 else { throw .business("The transaction amount must be 0 or greater.", "TotalAmt") }
        return total
    }

    /// The account that holds what is owed, and that the document names or does not.
    func controlAccount(_ side: QBOSide, _ draft: QBODraft, _ member: String) throws(QBOError) -> JSON {
        let id = draft.input.reference(member) ?? (side == .customers ? QBOSeed.receivable : QBOSeed.payable)
        let account = try usable(.account, id, member, active: draft.linesGiven)
        guard account.text("AccountType") == side.accountType else {
            throw .business("\(member) must be an \(side.accountType) account.", member)
        }
        return ["value": .string(id), "name": .optional(account.text("Name"))]
    }

    /// Cents that a payment leaves without a transaction to settle.
    private func unapplied(_ total: Int64, _ lines: [QBOLink], _ side: QBOSide) throws(QBOError) -> Int64 {
        let (charges, credits) = sums(lines, side)
        guard credits <= charges else {
            throw .business("The credits applied exceed the charges they are applied to.", "Line")
        }
        guard charges <= total + credits else {
            throw .business("The amount applied to transactions exceeds the amount of the payment.", "Line")
        }
        guard total > 0 || charges > 0 else {
            throw .business("A payment of 0 must apply a credit to a charge.", "TotalAmt")
        }
        return total + credits - charges
    }

    static func written(_ link: QBOLink) -> JSON {
        ["Amount": .cents(link.cents), "LinkedTxn": [["TxnId": .string(link.id), "TxnType": .string(link.type)]]]
    }

    private func links(_ draft: QBODraft, _ side: QBOSide, party: String) throws(QBOError) -> [QBOLink] {
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
            guard let kind = QBOKind(name: type), kind.rawValue == type, side.linkable.contains(kind),
                let target = object(kind, id), !Self.isVoided(target), let claim = claim(kind, target, side), claim.party == party
            else { throw .cannotLink(id) }
            guard !links.contains(where: { $0.id == id }) else {
                throw .business("A transaction can be linked once.", "LinkedTxn")
            }
            let mine = own.first { $0.id == id }?.cents ?? 0
            let open = abs(claim.cents) - applied(to: id) + mine
            guard amount <= open else {
                throw .business("The amount applied is more than the open balance of the transaction.", "Line.Amount")
            }
            links.append(QBOLink(id: id, type: type, cents: amount))
        }
        return links
    }

    /// What the links settle: charges (invoices, bills) and credits, in cents.
    private func sums(_ links: [QBOLink], _ side: QBOSide) -> (charges: Int64, credits: Int64) {
        var charges: Int64 = 0
        var credits: Int64 = 0
        for link in links {
            guard let kind = QBOKind(name: link.type), let target = object(kind, link.id) else { continue }
            if (claim(kind, target, side)?.cents ?? 0) >= 0 { charges += link.cents } else { credits += link.cents }
        }
        return (charges, credits)
    }

    /// Whose account a transaction changes and by how much: positive for what has to be paid, negative for a credit.
    func claim(_ kind: QBOKind, _ object: JSON, _ side: QBOSide) -> (party: String, cents: Int64)? {
        let total = object.storedCents("TotalAmt")
        switch (kind, side) {
        case (.invoice, .customers): return object.reference("CustomerRef").map { ($0, total) }
        case (.creditMemo, .customers): return object.reference("CustomerRef").map { ($0, -total) }
        case (.bill, .vendors): return object.reference("VendorRef").map { ($0, total) }
        case (.vendorCredit, .vendors): return object.reference("VendorRef").map { ($0, -total) }
        case (.journalEntry, _):
            for line in object["Line"]?.array ?? [] {
                guard let detail = line["JournalEntryLineDetail"], let account = detail.reference("AccountRef"),
                    self.object(.account, account).flatMap({ QBOSide($0) }) == side,
                    let party = detail.member("Entity", "EntityRef", "value")?.string
                else { continue }
                let cents = line.storedCents("Amount")
                return (party, (detail.text("PostingType") == "Debit") == (side == .customers) ? cents : -cents)
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
        guard let (kind, current) = transaction(id, [.invoice, .creditMemo, .bill, .vendorCredit, .journalEntry]) else { return }
        var object = current.setting("LinkedTxn", .array(settlementLinks(id) + Self.orderLinks(current)))
        let open = JSON.cents(current.storedCents("TotalAmt") - applied(to: id))
        if kind != .journalEntry { object = object.setting("Balance", open) }
        if kind == .creditMemo { object = object.setting("RemainingCredit", open) }
        put(kind, id, headed(object, id: id, current: current))
    }

    /// What a transaction's `LinkedTxn` says of the payments applied to it.
    func settlementLinks(_ id: String) -> [JSON] {
        (applications[id] ?? [:]).keys.sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }.map { payment in
            let isCard = object(.billPayment, payment)?.text("PayType") == "CreditCard"
            let type = object(.payment, payment) != nil ? "Payment" : isCard ? "BillPaymentCreditCard" : "BillPaymentCheck"
            return ["TxnId": .string(payment), "TxnType": .string(type)]
        }
    }

    /// Before a transaction goes: its payments keep their money, unapplied.
    mutating func unapply(_ id: String) {
        for payment in (applications[id] ?? [:]).keys.sorted() {
            for side in QBOSide.allCases {
                guard let current = object(side.settlement, payment) else { continue }
                let before = QBOLink.of(current)
                var links = before.filter { $0.id != id }
                let total = current.storedCents("TotalAmt")
                if sums(links, side).credits > sums(links, side).charges { links = [] }
                let (charges, credits) = sums(links, side)
                var object = current.setting("Line", .array(links.map(Self.written)))
                if side == .customers { object = object.setting("UnappliedAmt", .cents(total + credits - charges)) }
                put(side.settlement, payment, headed(object, id: payment, current: current))
                refreshLinks(before, links)
            }
        }
    }
}
