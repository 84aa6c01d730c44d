internal import Kernel
internal import Wire

/// Money that comes without an invoice: other receipts, advances, and what is carried to the bank.
extension IntacctCompany {
    /// `record_otherreceipt`.
    mutating func recordReceipt(_ body: XMLElement) throws(IntacctProblem) -> Int {
        guard let day = IntacctTime.day(body["paymentdate"]) else { throw .missing("Payment Date") }
        let received = IntacctTime.day(body["receiveddate"]) ?? day
        let method = body.value("paymentmethod") ?? ""
        guard IntacctPaymentDraft.methods.contains(method) else { throw .invalid("payment method", method) }
        var draft = IntacctDraft(object: "OTHERRECEIPTS")
        draft.money = IntacctCurrencyBlock(legacy: body)
        draft.solution = body.value("taxsolutionid")
        draft.lines = body["receiptitems"]?.children.map { IntacctDraftLine(legacy: $0) } ?? []
        var values: [String: String] = [
            "PAYER": body.value("payee") ?? "", "PAYERNAME": body.value("payee") ?? "", "PAYMENTMETHOD": method, "DOCNUMBER": body.value("refid") ?? "",
            "DESCRIPTION": body.value("description") ?? "", "FINANCIALENTITY": body.value("bankaccountid") ?? "",
            "UNDEPGLACCOUNTNO": body.value("undepglaccountno") ?? "", "UNDEPOSITEDACCOUNTNO": body.value("undepglaccountno") ?? "",
            "SUPDOCID": body.value("supdocid") ?? "", "RECORDTYPE": "cr", "RECEIPTDATE": IntacctTime.day(received),
            "DEPOSITDATE": IntacctTime.day(body["depositdate"]).map { IntacctTime.day($0) } ?? "",
        ]
        for field in body["customfields"]?.all("customfield") ?? [] {
            guard field.value("customfieldname") == "SHOP_ID" else { throw .invalid("custom field", field.value("customfieldname") ?? "") }
            values["SHOP_ID"] = field.value("customfieldvalue") ?? ""
        }
        try guardSupdoc(body.value("supdocid"))
        let (account, _) = try place(bank: body.value("bankaccountid"), undeposited: body.value("undepglaccountno"))
        values["STATE"] = body.value("bankaccountid") == nil ? "Received" : "Deposited"
        return try saveCash(draft, values, day, account)
    }

    /// `create ARADVANCE`: money that comes before its invoice.
    mutating func advance(_ element: XMLElement) throws(IntacctProblem) -> Int {
        let payment = IntacctPaymentDraft(generic: element, .sales)
        guard let party = payment.party else { throw .missing("Customer ID") }
        guard let person = named("CUSTOMER", party), person.isActive else { throw .invalid("customer", party) }
        guard let day = payment.paid else { throw .missing("Payment Date") }
        guard let method = payment.method, IntacctPaymentDraft.methods.contains(method) else { throw .invalid("payment method", payment.method ?? "") }
        var draft = IntacctDraft(object: "ARADVANCE")
        draft.money = payment.money
        draft.lines = element["ARADVANCEITEMS"]?.all("ARADVANCEITEM").map { IntacctDraftLine(generic: $0) } ?? []
        let values: [String: String] = [
            "CUSTOMERID": party, "CUSTOMERNAME": person["NAME"], "PAYMENTMETHOD": method, "DOCNUMBER": payment.document ?? "",
            "DESCRIPTION": payment.description ?? "", "FINANCIALENTITY": payment.bank ?? "", "UNDEPOSITEDACCOUNTNO": payment.undeposited ?? "",
            "RECORDTYPE": "rr", "RECEIPTDATE": IntacctTime.day(payment.received ?? day), "STATE": "Posted",
        ]
        let (account, _) = try place(bank: payment.bank, undeposited: payment.undeposited)
        return try saveCash(draft, values, day, account)
    }

    private mutating func saveCash(
        _ draft: IntacctDraft, _ given: [String: String], _ day: LocalDate, _ account: String
    ) throws(IntacctProblem) -> Int {
        try guardOpen(day)
        try Self.guardLength("Document number", given["DOCNUMBER"], 45)
        try Self.guardLength("Description", given["DESCRIPTION"], 1000)
        guard !draft.lines.isEmpty, draft.lines.count <= Self.linesMost else { throw .rule("Line has no associated account") }
        let (money, lines, solution) = try postedLines(draft, .sales, day)
        let total = lines.reduce(Int64(0)) { $0 + $1.minor + $1.taxes.reduce(0) { $0 + $1.minor } }
        let base = lines.reduce(Int64(0)) { $0 + $1.base + $1.taxes.reduce(0) { $0 + $1.base } }
        var values = given.merging(money.values) { $1 }
        let isAdvance = draft.object == "ARADVANCE"
        values.merge([
            "WHENCREATED": IntacctTime.day(day), "PAYMENTDATE": IntacctTime.day(day), "WHENPAID": IntacctTime.day(day), "TAXSOLUTIONID": solution ?? "",
            "TOTALENTERED": money.baseText(base), "TRX_TOTALENTERED": money.text(total), "TOTALPAID": isAdvance ? "0" : money.baseText(base),
            "TRX_TOTALPAID": isAdvance ? "0" : money.text(total), "TOTALDUE": isAdvance ? money.baseText(base) : "0",
            "TRX_TOTALDUE": isAdvance ? money.text(total) : "0", "CLEARED": "F", "_ACCOUNT": account,
        ]) { $1 }
        let no = insert(draft.object, values)
        insertLines(lines, of: no, draft.object, money, day, control: account)
        return no
    }

    mutating func deleteReceipt(key: String) throws(IntacctProblem) -> Int {
        guard let found = record("OTHERRECEIPTS", Int(key)) else { throw .rule("Cannot find otherreceipts with key '\(key)' to delete.") }
        guard found["_DEPOSITED"].isEmpty else { throw .rule("The receipt was deposited and can't be deleted.") }
        if let day = found.day("WHENCREATED") { try guardOpen(day) }
        hide("OTHERRECEIPTS", found.no)
        return found.no
    }

    /// `record_deposit`: receipts that wait on an account of undeposited funds go to the bank.
    mutating func recordDeposit(_ body: XMLElement) throws(IntacctProblem) -> Int {
        guard let day = IntacctTime.day(body["depositdate"]) else { throw .missing("Deposit Date") }
        try guardOpen(day)
        let id = body.value("depositid") ?? ""
        guard records("DEPOSIT", where: "RECORDID", is: id).isEmpty else { throw .duplicate("Deposit", id) }
        let (account, currency) = try place(bank: body.value("bankaccountid"), undeposited: nil)
        let keys = body["receiptkeys"]?.all("receiptkey").map(\.value) ?? []
        guard !keys.isEmpty, keys.count <= Self.linesMost, Set(keys).count == keys.count else { throw .rule("A deposit needs receipts, each once.") }
        var found: [(object: String, record: IntacctRecord)] = []
        for key in keys {
            guard let object = ["OTHERRECEIPTS", "ARPYMT", "ARADVANCE"].first(where: { record($0, Int(key)) != nil }), let receipt = record(object, Int(key)),
                !receipt["UNDEPOSITEDACCOUNTNO"].isEmpty, receipt["_DEPOSITED"].isEmpty, receipt["STATE"] != "Voided"
            else { throw .invalid("receipt key", key) }
            guard receipt["CURRENCY"] == currency else { throw .rule("The receipt '\(key)' is in another currency than the bank account.") }
            found.append((object, receipt))
        }
        let (places, basePlaces) = (Self.places(currency), Self.places(found[0].record["BASECURR"]))
        let total = found.reduce(Int64(0)) { $0 + $1.record.minor("TRX_TOTALENTERED", places) }
        let base = found.reduce(Int64(0)) { $0 + $1.record.minor("TOTALENTERED", basePlaces) }
        let no = insert("DEPOSIT", [
            "RECORDID": id, "RECORDTYPE": "cd", "FINANCIALENTITY": body.value("bankaccountid") ?? "", "DESCRIPTION": body.value("description") ?? "",
            "WHENCREATED": IntacctTime.day(day), "WHENPAID": IntacctTime.day(day), "CURRENCY": currency, "BASECURR": found[0].record["BASECURR"],
            "TOTALENTERED": IntacctAmount.text(base, basePlaces), "TRX_TOTALENTERED": IntacctAmount.text(total, places), "STATE": "Posted", "_ACCOUNT": account,
        ])
        for (object, receipt) in found {
            insert("DEPOSITENTRY", [
                "RECORDKEY": "\(no)", "RECEIPTKEY": "\(receipt.no)", "AMOUNT": receipt["TOTALENTERED"], "TRX_AMOUNT": receipt["TRX_TOTALENTERED"],
                "ACCOUNTNO": receipt["_ACCOUNT"],
            ])
            var values = ["_DEPOSITED": "\(no)"]
            if object == "OTHERRECEIPTS" { values["STATE"] = "Deposited" }
            update(object, receipt.no, values)
        }
        return no
    }
}
