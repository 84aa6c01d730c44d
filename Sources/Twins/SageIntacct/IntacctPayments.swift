internal import Kernel
internal import Wire

/// Money, or a credit, for one document.
struct IntacctPaymentItem: Sendable {
    var key: String
    var pay: String?
    /// What is used up beside or instead of money: the object, its key, how much of it, and what the detail calls it.
    var credit: (object: String, key: String, amount: String, name: String)?

    init(key: String, pay: String?) {
        self.key = key
        self.pay = pay
    }

    init(generic element: XMLElement, _ side: IntacctSide) {
        key = element.value("RECORDKEY") ?? element.value("POSADJKEY") ?? ""
        pay = element.value("TRX_PAYMENTAMOUNT")
        let kinds: [(key: String, amount: String, object: String, name: String)] = [
            ("ADJUSTMENTKEY", "TRX_ADJUSTMENTAMOUNT", side.adjustment, "ADJUSTMENT"), ("ADVANCEKEY", "TRX_POSTEDADVANCEAMOUNT", "ARADVANCE", "ADVANCE"),
            ("NEGATIVEINVOICEKEY", "TRX_NEGATIVEINVOICEAMOUNT", side.invoice, "ADJUSTMENT"),
        ]
        for kind in kinds {
            guard let id = element.value(kind.key), let amount = element.value(kind.amount) else { continue }
            credit = (kind.object, id, amount, kind.name)
        }
    }
}

/// A payment as it is asked for.
struct IntacctPaymentDraft: Sendable {
    var side = IntacctSide.sales
    var party: String?
    var method: String?
    var bank: String?
    /// The account of what is not deposited yet.
    var undeposited: String?
    var document: String?
    var description: String?
    var received: LocalDate?
    var paid: LocalDate?
    var money = IntacctCurrencyBlock()
    var items: [IntacctPaymentItem] = []
    /// The whole sum, where it is said; what no document takes is overpaid.
    var total: String?
    var overpaidAt: String?

    static let methods: Set<String> = ["Printed Check", "Credit Card", "EFT", "Cash", "Record Transfer", "Online", "Online Charge Card", "Online ACH Debit"]

    init() {}

    init(legacy element: XMLElement) {
        party = element.value("customerid")
        method = element.value("paymentmethod") ?? "Printed Check"
        bank = element.value("bankaccountid")
        undeposited = element.value("undepfundsacct")
        document = element.value("refid")
        received = IntacctTime.day(element["datereceived"])
        paid = received
        money = IntacctCurrencyBlock(legacy: element)
        items = element.all("arpaymentitem").map { IntacctPaymentItem(key: $0.value("invoicekey") ?? "", pay: $0.value("amount")) }
        total = element.value("paymentamount")
        overpaidAt = element.value("overpaylocid")
    }

    init(generic element: XMLElement, _ side: IntacctSide) {
        func day(_ name: String) -> LocalDate? { element.value(name).flatMap { IntacctTime.day($0) } }
        self.side = side
        party = element.value(side.partyField)
        method = element.value("PAYMENTMETHOD")
        bank = element.value("FINANCIALENTITY")
        undeposited = element.value("UNDEPOSITEDACCOUNTNO")
        document = element.value("DOCNUMBER")
        description = element.value("DESCRIPTION")
        received = day("RECEIPTDATE")
        paid = day("PAYMENTDATE") ?? received
        money = IntacctCurrencyBlock(generic: element)
        items = element[side.detail + "S"]?.all(side.detail).map { IntacctPaymentItem(generic: $0, side) } ?? []
        if let over = element.value("OVERPAYMENTAMOUNT"), let extra = ExactDecimal(over) {
            let sum = items.compactMap { $0.pay.flatMap { ExactDecimal($0) } }.reduce(ExactDecimal.zero) { $0.adding($1) ?? $0 }
            total = sum.adding(extra)?.description
        }
        overpaidAt = element.value("OVERPAYMENTLOCATIONID")
    }
}

/// Payments and what they settle.
extension IntacctCompany {
    /// A bank account, or an account for what is on its way there: its number in the ledger and its currency.
    func place(bank: String?, undeposited: String?) throws(IntacctProblem) -> (account: String, currency: String) {
        if let bank {
            guard let found = named("CHECKINGACCOUNT", bank), found.isActive else { throw .invalid("bank account", bank) }
            return (try account(found["GLACCOUNTNO"])["ACCOUNTNO"], found["CURRENCY"])
        }
        guard let undeposited else { throw .missing("Bank account or Undeposited funds account") }
        return (try account(undeposited)["ACCOUNTNO"], "")
    }

    // MARK: - What is open

    /// The document of a key that can be settled, and which object it is.
    private func payable(_ key: String, _ side: IntacctSide, _ party: String) throws(IntacctProblem) -> (object: String, record: IntacctRecord) {
        for object in [side.invoice, side.adjustment] {
            guard let found = record(object, Int(key)) else { continue }
            guard found[side.partyField] == party else { throw .rule("The transaction '\(key)' does not belong to '\(party)'.") }
            guard found["STATE"] != "Draft", found["STATE"] != "Reversed" else { throw .rule("The transaction '\(key)' is not posted.") }
            // - Source: the number is what hapi-paypal-intacct meets when an invoice is paid already; the text is ours.
            guard found["STATE"] != "Paid" else { throw IntacctProblem("BL03000130", "The transaction '\(found["RECORDID"])' is already paid.") }
            return (object, found)
        }
        throw .invalid("\(side.label) key", key)
    }

    /// Takes so much off what is due; in base, what that was worth. Both have the sign of the document's total.
    private mutating func settle(_ object: String, _ no: Int, _ minor: Int64, on day: LocalDate) -> Int64 {
        guard let record = record(object, no) else { return 0 }
        let (places, basePlaces) = (Self.places(record["CURRENCY"]), Self.places(record["BASECURR"]))
        let due = record.minor("TRX_TOTALDUE", places)
        let rate = ExactDecimal(record["EXCHANGE_RATE"]) ?? .one
        let base = minor == due ? record.minor("TOTALDUE", basePlaces) : IntacctAmount.base(minor, places, rate: rate, basePlaces)
        move(object, record, minor, base)
        update(object, no, ["WHENPAID": minor == due ? IntacctTime.day(day) : ""])
        return base
    }

    private mutating func move(_ object: String, _ record: IntacctRecord, _ minor: Int64, _ base: Int64) {
        let (places, basePlaces) = (Self.places(record["CURRENCY"]), Self.places(record["BASECURR"]))
        let (due, paid) = (record.minor("TRX_TOTALDUE", places) - minor, record.minor("TRX_TOTALPAID", places) + minor)
        let state = paid == 0 ? "Posted" : due == 0 ? "Paid" : "Partially Paid"
        update(object, record.no, [
            "TRX_TOTALDUE": IntacctAmount.text(due, places), "TRX_TOTALPAID": IntacctAmount.text(paid, places),
            "TOTALDUE": IntacctAmount.text(record.minor("TOTALDUE", basePlaces) - base, basePlaces),
            "TOTALPAID": IntacctAmount.text(record.minor("TOTALPAID", basePlaces) + base, basePlaces), "STATE": state,
        ])
        fillLines(object, record.no, paid, places)
    }

    /// Lines are paid from the first to the last.
    private mutating func fillLines(_ object: String, _ no: Int, _ paid: Int64, _ places: Int) {
        guard let list = IntacctSchema.objects[object]?.lines?.object else { return }
        var rest = paid
        for line in lines(object, of: no) {
            let tax = records("_TAXENTRY", where: "RECORDKEY", is: "\(line.no)").reduce(Int64(0)) { $0 + $1.minor("TRX_TAX", places) }
            let amount = line.minor("TRX_AMOUNT", places) + tax
            let part = amount >= 0 ? min(max(rest, 0), amount) : max(min(rest, 0), amount)
            rest -= part
            let text = IntacctAmount.text(part, places)
            if line["TRX_TOTALPAID"] != text { update(list, line.no, ["TRX_TOTALPAID": text, "TOTALPAID": text]) }
        }
    }

    func control(_ object: String, _ no: Int) -> String { lines(object, of: no).first?["OFFSETGLACCOUNTNO"].filled ?? IntacctSide.of(object).control }

    // MARK: - Paying

    mutating func pay(_ draft: IntacctPaymentDraft) throws(IntacctProblem) -> Int {
        let side = draft.side
        guard let party = draft.party else { throw .missing(side.isSales ? "Customer ID" : "Vendor ID") }
        guard let person = named(side.party, party) else { throw .invalid(side.isSales ? "customer" : "vendor", party) }
        guard let method = draft.method else { throw .missing("Payment Method") }
        guard IntacctPaymentDraft.methods.contains(method) else { throw .invalid("payment method", method) }
        guard let day = draft.paid else { throw .missing("Payment Date") }
        try guardOpen(day)
        try Self.guardLength("Document number", draft.document, 45)
        try Self.guardLength("Description", draft.description, 1000)
        guard draft.items.count <= Self.linesMost else { throw .rule("A payment has at most \(Self.linesMost) details.") }
        let first = try draft.items.first.map { item throws(IntacctProblem) in try payable(item.key, side, party).record }
        let at = isMultiEntity ? entity.filled ?? draft.overpaidAt.map { entity(of: $0) } ?? "" : ""
        var block = draft.money
        if block.currency == nil { block.currency = first?["CURRENCY"] }
        let money = try money(block, base: first?["BASECURR"] ?? baseCurrency(at), on: day)
        var spent: Int64 = 0
        for item in draft.items {
            guard let pay = IntacctAmount.minor(item.pay ?? "0", money.places), pay >= 0 else { throw .invalid("payment amount", item.pay ?? "") }
            spent += pay
        }
        guard let total = draft.total.map({ IntacctAmount.minor($0, money.places) }) ?? spent, total >= 0 else {
            throw .invalid("payment amount", draft.total ?? "")
        }
        guard total >= spent else { throw .rule("The payment amount is less than the sum of the amounts that are applied.") }
        let hasCredit = draft.items.contains { $0.credit != nil }
        guard total > 0 || hasCredit else { throw .rule("The payment amount must be greater than 0.") }
        var values = money.values
        if total > 0 {
            let (account, currency) = try place(bank: draft.bank, undeposited: draft.undeposited)
            guard currency.isEmpty || currency == money.currency || currency == money.base else {
                throw .rule("The currency of the bank account is \(currency).", correction: "Use an account in \(money.currency).")
            }
            values["_ACCOUNT"] = account
        }
        values.merge(headings(draft, person, day, total, money)) { $1 }
        values["_OVER"] = total > spent ? money.text(total - spent) : ""
        let no = insert(side.payment, values)
        for item in draft.items { try apply(item, of: no, side, party, money, day) }
        return no
    }

    private func headings(_ draft: IntacctPaymentDraft, _ person: IntacctRecord, _ day: LocalDate, _ total: Int64, _ money: IntacctMoney) -> [String: String] {
        let base = money.toBase(total)
        return [
            draft.side.partyField: person[draft.side.partyField], draft.side.nameField: person["NAME"], "PAYERNAME": person["NAME"],
            "RECORDTYPE": draft.side.isSales ? "rp" : "pp", "PAYMENTMETHOD": draft.method ?? "", "FINANCIALENTITY": draft.bank ?? "",
            "FINANCIALENTITYTYPE": draft.bank == nil ? "" : "ba", "UNDEPOSITEDACCOUNTNO": draft.undeposited ?? "", "DOCNUMBER": draft.document ?? "",
            "DESCRIPTION": draft.description ?? "", "RECEIPTDATE": IntacctTime.day(draft.received ?? day), "PAYMENTDATE": IntacctTime.day(day),
            "WHENPAID": IntacctTime.day(day), "WHENCREATED": IntacctTime.day(day), "STATE": "Posted", "DISPLAYSTATE": "Posted", "RAWSTATE": "C", "CLEARED": "F",
            "TOTALENTERED": money.baseText(base), "TRX_TOTALENTERED": money.text(total), "TOTALPAID": money.baseText(base), "TRX_TOTALPAID": money.text(total),
            "TOTALDUE": "0", "TRX_TOTALDUE": "0", "PRBATCH": "Receipts: \(day) Batch",
        ]
    }

    private mutating func apply(
        _ item: IntacctPaymentItem, of no: Int, _ side: IntacctSide, _ party: String, _ money: IntacctMoney, _ day: LocalDate
    ) throws(IntacctProblem) {
        let (object, target) = try payable(item.key, side, party)
        guard target["CURRENCY"] == money.currency, target["BASECURR"] == money.base else {
            throw .rule("The transaction '\(item.key)' is in another currency than the payment.", correction: "Pay it in \(target["CURRENCY"]).")
        }
        let due = target.minor("TRX_TOTALDUE", money.places)
        let pay = IntacctAmount.minor(item.pay ?? "0", money.places) ?? 0
        let credit = try item.credit.map { given throws(IntacctProblem) -> Int64 in
            guard let minor = IntacctAmount.minor(given.amount, money.places), minor > 0 else { throw .invalid("credit amount", given.amount) }
            return minor
        }
        let sum = pay + (credit ?? 0)
        guard sum > 0, sum <= due else {
            let words = "The amount \(money.text(sum)) is more than the \(money.text(due)) due of transaction '\(target["RECORDID"])', or nothing."
            throw IntacctProblem("BL03000130", words)
        }
        var values: [String: String] = [
            "PAYMENTKEY": "\(no)", object == side.invoice ? "RECORDKEY" : "POSADJKEY": item.key, "CURRENCY": money.currency, "STATE": "Posted",
            "_TARGET": object, "_CONTROL": control(object, target.no),
        ]
        if pay > 0 {
            values["TRX_PAYMENTAMOUNT"] = money.text(pay)
            values["PAYMENTAMOUNT"] = money.baseText(money.toBase(pay))
            values["_OPEN"] = money.baseText(settle(object, target.no, pay, on: day))
        }
        if let credit, let given = item.credit {
            let (worth, account) = try use(given.object, given.key, credit, side, party, money, day)
            values["\(given.name)KEY"] = given.key
            values["_CREDITOBJECT"] = given.object
            values["_CREDITTRX"] = money.text(credit)
            let name = given.name == "ADVANCE" ? "POSTEDADVANCEAMOUNT" : "ADJUSTMENTAMOUNT"
            values["TRX_\(name)"] = money.text(credit)
            values[name] = money.baseText(worth)
            values["_CREDIT"] = money.baseText(worth)
            values["_CREDITACCOUNT"] = account
            values["_CREDITOPEN"] = money.baseText(settle(object, target.no, credit, on: day))
        }
        insert(side.detail, values)
    }

    /// Uses up a credit; what it was worth in base, and the account it stood on.
    private mutating func use(
        _ object: String, _ key: String, _ minor: Int64, _ side: IntacctSide, _ party: String, _ money: IntacctMoney, _ day: LocalDate
    ) throws(IntacctProblem) -> (base: Int64, account: String) {
        guard let credit = record(object, Int(key)), credit[side.partyField] == party, credit["STATE"] != "Draft", credit["STATE"] != "Reversed" else {
            throw .invalid("credit", key)
        }
        guard credit["CURRENCY"] == money.currency, credit["BASECURR"] == money.base else { throw .rule("The credit '\(key)' is in another currency.") }
        let left = credit.minor("TRX_TOTALDUE", money.places)
        if object == "ARADVANCE" {
            guard minor <= left else { throw .rule("The advance '\(key)' has \(money.text(left)) left.") }
            let base = settle(object, credit.no, minor, on: day)
            return (base, lines(object, of: credit.no).first?["ACCOUNTNO"] ?? side.control)
        }
        guard left < 0, minor <= -left else { throw .rule("The credit '\(key)' has \(money.text(max(0, -left))) left.") }
        return (-settle(object, credit.no, -minor, on: day), control(object, credit.no))
    }

    // MARK: - Applying and reversing

    /// `apply_arpayment`: what was overpaid, or an advance, goes to invoices.
    mutating func applyPayment(_ body: XMLElement) throws(IntacctProblem) -> Int {
        let key = body.value("arpaymentkey") ?? ""
        guard let day = IntacctTime.day(body["paymentdate"]) else { throw .missing("Payment Date") }
        try guardOpen(day)
        let items = body.all("arpaymentitems").flatMap { $0.all("arpaymentitem") }
        guard items.count <= Self.linesMost else { throw .rule("A payment has at most \(Self.linesMost) details.") }
        if let advance = record("ARADVANCE", Int(key)) {
            var draft = IntacctPaymentDraft()
            draft.party = advance["CUSTOMERID"]
            draft.method = advance["PAYMENTMETHOD"]
            draft.document = advance["DOCNUMBER"]
            draft.paid = day
            draft.money.currency = advance["CURRENCY"]
            draft.items = items.map { item in
                var one = IntacctPaymentItem(key: item.value("invoicekey") ?? "", pay: nil)
                one.credit = ("ARADVANCE", key, item.value("amount") ?? "", "ADVANCE")
                return one
            }
            return try pay(draft)
        }
        guard let payment = record("ARPYMT", Int(key)), payment["STATE"] == "Posted" else { throw .invalid("payment key", key) }
        let places = Self.places(payment["CURRENCY"])
        for item in items {
            let (object, target) = try payable(item.value("invoicekey") ?? "", .sales, payment["CUSTOMERID"])
            guard target["CURRENCY"] == payment["CURRENCY"] else { throw .rule("The invoice is in another currency than the payment.") }
            guard let minor = IntacctAmount.minor(item.value("amount") ?? "", places), minor > 0, minor <= target.minor("TRX_TOTALDUE", places) else {
                throw .invalid("amount", item.value("amount") ?? "")
            }
            let left = record("ARPYMT", payment.no)?.minor("_OVER", places) ?? 0
            guard minor <= left else { throw .rule("The payment has \(IntacctAmount.text(left, places)) left to apply.") }
            let open = settle(object, target.no, minor, on: day)
            update("ARPYMT", payment.no, ["_OVER": left == minor ? "" : IntacctAmount.text(left - minor, places)])
            let rate = ExactDecimal(payment["EXCHANGE_RATE"]) ?? .one
            let worth = IntacctAmount.base(minor, places, rate: rate, Self.places(payment["BASECURR"]))
            insert("ARPYMTDETAIL", [
                "PAYMENTKEY": key, "RECORDKEY": "\(target.no)", "OVERPAYMENTKEY": key, "TRX_POSTEDOVERPAYMENTAMOUNT": IntacctAmount.text(minor, places),
                "POSTEDOVERPAYMENTAMOUNT": IntacctAmount.text(worth, 2), "CURRENCY": payment["CURRENCY"], "STATE": "Posted", "_TARGET": object,
                "_CONTROL": control(object, target.no), "_CREDITTRX": IntacctAmount.text(minor, places), "_CREDIT": IntacctAmount.text(worth, 2),
                "_CREDITACCOUNT": IntacctSide.sales.control, "_CREDITOPEN": IntacctAmount.text(open, 2),
            ])
        }
        return payment.no
    }

    /// Takes a payment back: what it settled is due again.
    mutating func reversePayment(_ side: IntacctSide, key: String, _ body: XMLElement) throws(IntacctProblem) -> Int {
        guard let payment = record(side.payment, Int(key)), payment["STATE"] == "Posted" else { throw .invalid("payment key", key) }
        guard let day = IntacctTime.day(body["datereversed"]) else { throw .missing("Date Reversed") }
        try guardOpen(day)
        guard payment["_DEPOSITED"].isEmpty else { throw .rule("The payment was deposited and can't be reversed.") }
        let (places, basePlaces) = (Self.places(payment["CURRENCY"]), Self.places(payment["BASECURR"]))
        for detail in lines(side.payment, of: payment.no) {
            let target = detail["RECORDKEY"].filled ?? detail["POSADJKEY"]
            let minor = detail.minor("TRX_PAYMENTAMOUNT", places) + detail.minor("_CREDITTRX", places)
            let base = detail.minor("_OPEN", basePlaces) + detail.minor("_CREDITOPEN", basePlaces)
            if let record = record(detail["_TARGET"], Int(target)) { move(detail["_TARGET"], record, -minor, -base) }
            let object = detail["_CREDITOBJECT"]
            if let credit = record(object, Int(detail["ADJUSTMENTKEY"].filled ?? detail["ADVANCEKEY"])) {
                let sign: Int64 = object == "ARADVANCE" ? -1 : 1
                move(object, credit, sign * detail.minor("_CREDITTRX", places), sign * detail.minor("_CREDIT", basePlaces))
            }
            update(side.detail, detail.no, ["STATE": "Voided"])
        }
        update(side.payment, payment.no, ["STATE": "Voided", "DISPLAYSTATE": "Voided", "RAWSTATE": "V", "_OVER": "", "_REVERSED": IntacctTime.day(day)])
        return payment.no
    }
}
