internal import Kernel
internal import Wire

/// Payments on invoices, and money given back on credit notes.
extension XeroState {
    mutating func payments(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        switch (call.method, call.path.count) {
        case (.get, 1):
            let rows = try select(payments.all, call, updated: { $0.updated }, field: { self.field(of: $0, $1) })
            let (part, pagination) = try page(rows, call)
            return Self.envelope("Payments", part.map { json($0, full: false, call) }, call, pagination: pagination)
        case (.get, 2):
            guard let id = XeroID(call.path[1]), let row = payments[id.description] else { throw .notFound }
            return Self.envelope("Payments", [json(row, full: true, call)], call)
        case (.put, 1):
            return try write(call, "Payments", kind: "Payment") { (state, element) throws(XeroProblem) in
                try state.pay(element, call)
            }
        case (.post, 1):
            return try write(call, "Payments", kind: "Payment") { (state, element) throws(XeroProblem) in
                // POST with the id of a payment means that one, as with the id in the path.
                if let id = try element.id("PaymentID"), let row = state.payments[id] {
                    return try state.change(row, element, call)
                }
                return try state.pay(element, call)
            }
        case (.post, 2):
            guard let id = XeroID(call.path[1]), let row = payments[id.description] else { throw .notFound }
            return try write(call, "Payments", kind: "Payment") { (state, element) throws(XeroProblem) in
                try state.change(row, element, call)
            }
        case (.delete, 2): throw .method
        default: throw .notFound
        }
    }

    /// Payments can't be changed, only deleted, and that once. Nothing but the status may be sent, at most beside the
    /// payment's own id. What the payment settled is open again.
    /// - Source: XeroAPI/xero-node issue 178 and calcinai/xero-php issue 250 for the first message.
    private mutating func change(_ row: XeroPayment, _ element: XeroElement, _ call: XeroCall) throws(XeroProblem)
        -> XeroOutcome
    {
        var problems: [String] = []
        let more = (element.json.object ?? []).contains { !["Status", "PaymentID"].contains($0.key) && !$0.value.isNull }
        let named = try element.id("PaymentID") ?? row.id
        if more || named != row.id {
            problems.append("Only Status accepted for updates.")
        } else if try element.filled("Status") != "DELETED" || !row.live {
            problems.append("Payment not of valid status for modification")
        }
        if let locked = lockProblem(row.date) { problems.append(locked) }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "PaymentID", id: row.id, problems: problems, payment: true)
        }
        var gone = row
        gone.live = false
        gone.updated = call.now
        payments.put(gone)
        settle(row.document, at: call.now)
        return .saved(json(gone, full: true, call))
    }

    private mutating func pay(_ element: XeroElement, _ call: XeroCall) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        let target = try target(of: element, &problems)
        let account = try payingAccount(element, &problems)
        guard let sent = try element.decimal("Amount") else {
            problems.append("Amount is required")
            return .refusal(element.json, idName: "PaymentID", id: nil, problems: problems, payment: true)
        }
        guard let amount = XeroNumber.cents(sent) else { throw .badData("'Amount' is out of range.") }
        let date = try element.date("Date") ?? call.today
        let reference = try element.text("Reference") ?? ""
        if amount <= 0 { problems.append("Payment amount must be greater than zero") }
        if let locked = lockProblem(date) { problems.append(locked) }
        if reference.count > Self.textCharacters {
            problems.append("Reference must not exceed \(Self.textCharacters) characters")
        }
        if let status = try element.filled("Status"), status != "AUTHORISED" {
            problems.append("Payment not of valid status for creation")
        }
        if let target {
            if target.status != "AUTHORISED" {
                problems.append("Payments can only be made against Authorised documents")
            }
            if amount > open(target) {
                problems.append("Payment amount exceeds the amount outstanding on this document")
            }
        }
        guard problems.isEmpty, let target, let account else {
            return .refusal(element.json, idName: "PaymentID", id: nil, problems: problems, payment: true)
        }
        let rate = try rate(element, target, &problems)
        var row = XeroPayment(
            id: call.newID(), document: target.id, account: account.code, date: date, amount: amount, rate: rate,
            updated: call.now)
        row.reference = reference
        row.reconciled = try element.flag("IsReconciled") ?? false
        row.bankAmount = try bankAmount(element, amount, target, account, rate, &problems)
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "PaymentID", id: nil, problems: problems, payment: true)
        }
        payments.put(row)
        settle(target.id, at: call.now)
        return .saved(json(row, full: true, call, written: true))
    }

    /// The invoice or credit note a payment names, by id or number.
    private mutating func target(of element: XeroElement, _ problems: inout [String]) throws(XeroProblem)
        -> XeroDocument?
    {
        if let sent = try element.child("Invoice") {
            count(sent, "Invoice")
            return try find(.invoice, id: sent.id("InvoiceID"), number: sent.filled("InvoiceNumber"), &problems)
        }
        if let sent = try element.child("CreditNote") {
            count(sent, "CreditNote")
            return try find(
                .creditNote, id: sent.id("CreditNoteID"), number: sent.filled("CreditNoteNumber"), &problems)
        }
        if let number = try element.filled("InvoiceNumber") {
            return find(.invoice, id: nil, number: number, &problems)
        }
        if let number = try element.filled("CreditNoteNumber") {
            return find(.creditNote, id: nil, number: number, &problems)
        }
        problems.append("Payments must specify an Invoice, CreditNote, Prepayment or Overpayment")
        return nil
    }

    private func find(_ family: XeroFamily, id: String?, number: String?, _ problems: inout [String]) -> XeroDocument? {
        let byNumber = number.flatMap { documents.find(XeroDocument.numberKey(family.types[0], $0)).first }
        if let found = id.map({ documents[$0] }) ?? byNumber, found.family == family { return found }
        problems.append(
            "An existing \(family.noun) with the specified \(id == nil ? family.numberName : family.idName) "
                + "could not be found"
        )
        return nil
    }

    private mutating func payingAccount(_ element: XeroElement, _ problems: inout [String]) throws(XeroProblem)
        -> XeroAccount?
    {
        var account: XeroAccount?
        var named = false
        if let sent = try element.child("Account") {
            count(sent, "Account")
            let (id, code) = (try sent.id("AccountID"), try sent.filled("Code"))
            named = id != nil || code != nil
            account = id.flatMap { accounts[$0] } ?? code.flatMap { self.account(code: $0) }
        } else if let code = try element.filled("Code") {
            named = true
            account = self.account(code: code)
        }
        guard let account else {
            problems.append(named ? "Account could not be found" : "Payments must specify an Account")
            return nil
        }
        guard account.takesPayments else {
            problems.append(
                account.active
                    ? "Account '\(account.code)' must be a bank account or have payments enabled"
                    : "Account code '\(account.code)' has been archived, or has been deleted."
            )
            return nil
        }
        return account
    }

    /// The rate of the payment's day: 1 in base currency, else as sent, else XE.com's.
    private func rate(_ element: XeroElement, _ target: XeroDocument, _ problems: inout [String]) throws(XeroProblem)
        -> ExactDecimal
    {
        guard target.currency != XeroSeed.baseCurrency else { return .one }
        guard let sent = try element.decimal("CurrencyRate") else { return Self.dayRates[target.currency] ?? .one }
        // A thousandth is far from every rate there is and keeps base amounts in range.
        guard let rate = XeroNumber.bounded(sent, scale: 6), rate >= ExactDecimal(coefficient: 1, scale: 3) else {
            problems.append("CurrencyRate must be greater than zero")
            return .one
        }
        return rate
    }

    /// What the account sees, in its own currency.
    private func bankAmount(
        _ element: XeroElement, _ amount: Int64, _ target: XeroDocument, _ account: XeroAccount, _ rate: ExactDecimal,
        _ problems: inout [String]
    ) throws(XeroProblem) -> Int64 {
        let currency = account.currency ?? XeroSeed.baseCurrency
        if currency == target.currency { return amount }
        if let sent = try element.decimal("BankAmount") {
            guard let cents = XeroNumber.cents(sent), cents > 0 else { throw .badData("'BankAmount' is out of range.") }
            return cents
        }
        if currency == XeroSeed.baseCurrency { return XeroNumber.base(amount, rate: rate) }
        guard target.currency == XeroSeed.baseCurrency, let day = Self.dayRates[currency] else {
            problems.append("The currency of the account does not match the currency of the document")
            return amount
        }
        return XeroNumber.cents(XeroNumber.amount(amount) * day) ?? amount
    }

    // MARK: - Answers

    static func paymentType(_ documentType: String) -> String {
        switch documentType {
        case "ACCPAY": "ACCPAYPAYMENT"
        case "ACCRECCREDIT": "ARCREDITPAYMENT"
        case "ACCPAYCREDIT": "APCREDITPAYMENT"
        default: "ACCRECPAYMENT"
        }
    }

    func field(of row: XeroPayment, _ path: String) -> XeroValue? {
        let document = documents[row.document]
        let account = account(code: row.account)
        switch path {
        case "paymentid": return .guid(row.id)
        case "reference": return .text(row.reference)
        case "date": return .date(row.date)
        case "amount": return .money(row.amount)
        case "bankamount": return .money(row.bankAmount)
        case "status": return .text(row.live ? "AUTHORISED" : "DELETED")
        case "paymenttype": return .text(Self.paymentType(document?.type ?? ""))
        case "updateddateutc": return .moment(row.updated)
        case "isreconciled": return .flag(row.reconciled)
        case "account.code": return .text(row.account)
        case "account.accountid": return account.map { .guid($0.id) } ?? .absent
        // Payments on credit notes come back under Invoice as well, so both names find them.
        case "invoice.invoiceid": return .guid(row.document)
        case "invoice.invoicenumber": return .optional(document?.number)
        case "creditnote.creditnoteid": return document?.family == .creditNote ? .guid(row.document) : .absent
        case "creditnote.creditnotenumber":
            return document?.family == .creditNote ? .optional(document?.number) : .absent
        case "invoice.contact.contactid": return document.map { .guid($0.contact) } ?? .absent
        default: return nil
        }
    }

    private func json(_ row: XeroPayment, full: Bool, _ call: XeroCall, written: Bool = false) -> JSON {
        var out = XeroMembers()
        out.text("PaymentID", row.id)
        out.date("Date", row.date)
        out.money("BankAmount", row.bankAmount)
        out.money("Amount", row.amount)
        out.text("Reference", row.reference)
        out.decimal("CurrencyRate", row.rate, scale: 6)
        out.text("PaymentType", Self.paymentType(documents[row.document]?.type ?? ""))
        out.text("Status", row.live ? "AUTHORISED" : "DELETED")
        out.set("UpdatedDateUTC", XeroDate.json(row.updated))
        out.text("UpdatedDateUTCString", XeroDate.seconds(row.updated))
        out.flag("HasAccount", true)
        out.flag("IsReconciled", row.reconciled)
        if let account = account(code: row.account) {
            out.set(
                "Account",
                .object([
                    ("AccountID", .string(account.id)), ("Code", .string(account.code)),
                    ("Name", .string(account.name)),
                ]))
        }
        if let document = documents[row.document] {
            out.set("Invoice", paid(document, full: full, call))
            if document.family == .creditNote {
                out.set(
                    "CreditNote",
                    .object([
                        ("CreditNoteID", .string(document.id)), ("CreditNoteNumber", .string(document.number)),
                        ("ID", .string(document.id)), ("LineItems", []),
                    ]))
            }
        }
        out.flag("HasValidationErrors", false)
        if written { out.text("StatusAttributeString", "OK") }
        return out.json
    }

    /// The paid document as a payment shows it: credit notes too under `Invoice`, with their own type.
    /// - Source: xero_accounting.yaml, example of GET /Payments.
    private func paid(_ row: XeroDocument, full: Bool, _ call: XeroCall) -> JSON {
        var out = XeroMembers()
        out.text("Type", row.type)
        out.text("InvoiceID", row.id)
        out.text("InvoiceNumber", row.number)
        out.text("Reference", row.reference)
        out.empty("Payments", "CreditNotes", "Prepayments", "Overpayments")
        if full {
            out.money("AmountDue", open(row))
            out.money("AmountPaid", paid(row.id))
            out.money("AmountCredited", row.family == .invoice ? credited(row.id) : row.allocated)
            out.decimal("CurrencyRate", row.rate, scale: 6)
            out.set("DateString", XeroDate.midnight(row.date))
            out.date("Date", row.date)
            out.date("DueDate", row.dueDate)
            out.text("Status", row.status)
            out.text("LineAmountTypes", row.amountTypes)
            out.money("SubTotal", row.subTotal)
            out.money("TotalTax", row.totalTax)
            out.money("Total", row.total)
            out.set("UpdatedDateUTC", XeroDate.json(row.updated))
        }
        out.flag("HasErrors", false)
        out.flag("IsDiscounted", false)
        out.set("Contact", brief(contact: row.contact))
        out.set("LineItems", .array(full ? row.lines.map { json($0, unitDigits: call.unitDigits) } : []))
        out.text("CurrencyCode", row.currency)
        return out.json
    }
}
