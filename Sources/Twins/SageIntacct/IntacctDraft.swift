internal import Kernel
internal import Wire

/// Receivables or payables: the same rules, other names.
struct IntacctSide: Sendable {
    let isSales: Bool
    let invoice: String
    let adjustment: String
    let payment: String
    let detail: String
    let party: String
    let partyField: String
    let nameField: String
    /// What documents are called in messages.
    let label: String
    let control: String
    let term: String
    let accountLabel: String
    let taxType: String

    static let sales = IntacctSide(
        isSales: true, invoice: "ARINVOICE", adjustment: "ARADJUSTMENT", payment: "ARPYMT", detail: "ARPYMTDETAIL", party: "CUSTOMER", partyField: "CUSTOMERID",
        nameField: "CUSTOMERNAME", label: "invoice", control: IntacctSeed.receivable, term: "ARTERM", accountLabel: "ARACCOUNTLABEL", taxType: "Sale")
    static let purchases = IntacctSide(
        isSales: false, invoice: "APBILL", adjustment: "APADJUSTMENT", payment: "APPYMT", detail: "APPYMTDETAIL", party: "VENDOR", partyField: "VENDORID",
        nameField: "VENDORNAME", label: "bill", control: IntacctSeed.payable, term: "APTERM", accountLabel: "APACCOUNTLABEL", taxType: "Purchase")

    static func of(_ object: String) -> IntacctSide { object.hasPrefix("AP") ? purchases : sales }
}

/// What a request says of currencies.
struct IntacctCurrencyBlock: Sendable {
    var base: String?
    var currency: String?
    var day: LocalDate?
    var type: String?
    var rate: String?

    init() {}

    init(legacy element: XMLElement) {
        base = element.value("basecurr")
        currency = element.value("currency")
        day = IntacctTime.day(element["exchratedate"])
        type = element.value("exchratetype")
        rate = element.value("exchrate")
    }

    init(generic element: XMLElement) {
        base = element.value("BASECURR")
        currency = element.value("CURRENCY")
        day = element.value("EXCH_RATE_DATE").flatMap { IntacctTime.day($0) }
        type = element.value("EXCH_RATE_TYPE_ID")
        rate = element.value("EXCHANGE_RATE")
    }
}

/// One line as it is asked for.
struct IntacctDraftLine: Sendable {
    var account: String?
    var label: String?
    var offset: String?
    var amount: String
    var memo: String?
    /// By the names that records have: `LOCATIONID`.
    var dimensions: [String: String] = [:]
    var taxes: [(detail: String, tax: String?)] = []

    /// - Parameter base: the line that this one changes.
    init(legacy element: XMLElement, onto base: IntacctDraftLine? = nil) {
        account = element.value("glaccountno") ?? base?.account
        label = element.value("accountlabel") ?? base?.label
        offset = element.value("offsetglaccountno") ?? base?.offset
        amount = element.value("amount") ?? base?.amount ?? ""
        memo = element.value("memo") ?? base?.memo
        dimensions = base?.dimensions ?? [:]
        for reference in IntacctSchema.references {
            if let value = element.value(reference.field.lowercased()) { dimensions[reference.field] = value }
        }
        let sent = element["taxentries"]?.all("taxentry").map { (detail: $0.value("detailid") ?? "", tax: $0.value("trx_tax")) }
        taxes = sent ?? base?.taxes ?? []
    }

    init(generic element: XMLElement) {
        account = element.value("ACCOUNTNO") ?? element.value("GLACCOUNTNO")
        label = element.value("ACCOUNTLABEL")
        offset = element.value("OFFSETGLACCOUNTNO")
        amount = element.value("TRX_AMOUNT") ?? element.value("AMOUNT") ?? ""
        memo = element.value("ENTRYDESCRIPTION") ?? element.value("MEMO")
        for reference in IntacctSchema.references {
            if let value = element.value(reference.field) { dimensions[reference.field] = value }
        }
        taxes = element["TAXENTRIES"]?.all("TAXENTRY").map { (detail: $0.value("DETAILID") ?? "", tax: $0.value("TRX_TAX")) } ?? []
    }

    init(record: IntacctRecord, taxes: [IntacctRecord]) {
        account = record["ACCOUNTNO"].filled
        offset = record["OFFSETGLACCOUNTNO"].filled
        amount = record["TRX_AMOUNT"]
        memo = record["ENTRYDESCRIPTION"].filled
        for reference in IntacctSchema.references { dimensions[reference.field] = record[reference.field].filled }
        self.taxes = taxes.map { (detail: $0["DETAILID"], tax: $0["TRX_TAX"].filled) }
    }
}

/// An invoice, a bill or an adjustment as it is asked for.
struct IntacctDraft: Sendable {
    var object: String
    var party: String?
    var created: LocalDate?
    var posted: LocalDate?
    var due: LocalDate?
    var term: String?
    var number: String?
    /// The other side's number.
    var document: String?
    var description: String?
    var external: String?
    var supdoc: String?
    var solution: String?
    /// Submit or Draft.
    var action: String?
    var money = IntacctCurrencyBlock()
    var skipsLedger = false
    var custom: [(name: String, value: String)] = []
    var lines: [IntacctDraftLine] = []

    init(object: String) { self.object = object }

    /// Reads `create_…` and `update_…` of old; what is not said stays as it is.
    mutating func take(legacy element: XMLElement) {
        let side = IntacctSide.of(object)
        party = element.value(side.partyField.lowercased()) ?? party
        created = IntacctTime.day(element["datecreated"]) ?? created
        posted = IntacctTime.day(element["dateposted"]) ?? posted
        due = IntacctTime.day(element["datedue"]) ?? due
        term = element.value("termname") ?? term
        action = element.value("action") ?? action
        let own = ["ARINVOICE": "invoiceno", "APBILL": "billno"][object] ?? "adjustmentno"
        number = element.value(own) ?? number
        document = element.value("ponumber") ?? (own == "adjustmentno" ? element.value("invoiceno") ?? element.value("billno") : nil) ?? document
        description = element.value("description") ?? description
        external = element.value("externalid") ?? external
        supdoc = element.value("supdocid") ?? supdoc
        solution = element.value("taxsolutionid") ?? solution
        if element["currency"] != nil { money = IntacctCurrencyBlock(legacy: element) }
        if let flag = element.value("nogl") { skipsLedger = flag.lowercased() == "true" }
        for field in element["customfields"]?.all("customfield") ?? [] {
            custom.append((field.value("customfieldname") ?? "", field.value("customfieldvalue") ?? ""))
        }
        for list in ["invoiceitems", "billitems", "aradjustmentitems", "apadjustmentitems"] {
            if let items = element[list] { lines = items.children.map { IntacctDraftLine(legacy: $0) } }
        }
        for list in ["updateinvoiceitems", "updatebillitems"] {
            for item in element[list]?.children ?? [] { change(item) }
        }
    }

    /// A line more, or another one instead of that of the number.
    private mutating func change(_ item: XMLElement) {
        guard item.name.local == "updatelineitem" else {
            lines.append(IntacctDraftLine(legacy: item))
            return
        }
        let place = (item.attribute("line_num").flatMap { Int($0) } ?? 0) - 1
        guard lines.indices.contains(place) else { return }
        lines[place] = IntacctDraftLine(legacy: item, onto: lines[place])
    }

    mutating func take(generic element: XMLElement) {
        let side = IntacctSide.of(object)
        func day(_ name: String) -> LocalDate? { element.value(name).flatMap { IntacctTime.day($0) } }
        party = element.value(side.partyField) ?? party
        created = day("WHENCREATED") ?? created
        posted = day("WHENPOSTED") ?? posted
        due = day("WHENDUE") ?? due
        term = element.value("TERMNAME") ?? term
        action = element.value("ACTION") ?? action
        number = element.value("RECORDID") ?? number
        document = element.value("DOCNUMBER") ?? document
        description = element.value("DESCRIPTION") ?? description
        supdoc = element.value("SUPDOCID") ?? supdoc
        solution = element.value("TAXSOLUTIONID") ?? solution
        if element["CURRENCY"] != nil || element["EXCHANGE_RATE"] != nil { money = IntacctCurrencyBlock(generic: element) }
        if let shop = element.value("SHOP_ID") { custom.append(("SHOP_ID", shop)) }
        guard let list = IntacctSchema.objects[object]?.lines, let items = element[list.list] else { return }
        lines = items.all(list.object).map { IntacctDraftLine(generic: $0) }
    }
}

/// Money as a document states it.
struct IntacctMoney: Sendable {
    var currency: String
    var base: String
    var rate: ExactDecimal
    var type: String
    var day: LocalDate

    var places: Int { IntacctCompany.places(currency) }
    var basePlaces: Int { IntacctCompany.places(base) }
    func toBase(_ minor: Int64) -> Int64 { IntacctAmount.base(minor, places, rate: rate, basePlaces) }
    func text(_ minor: Int64) -> String { IntacctAmount.text(minor, places) }
    func baseText(_ minor: Int64) -> String { IntacctAmount.text(minor, basePlaces) }

    var values: [String: String] {
        [
            "CURRENCY": currency, "BASECURR": base, "EXCHANGE_RATE": rate.shortest.description, "EXCH_RATE_TYPE_ID": type,
            "EXCH_RATE_DATE": IntacctTime.day(day),
        ]
    }
}

extension IntacctCompany {
    /// The rate of a document.
    func money(_ block: IntacctCurrencyBlock, base: String, on day: LocalDate) throws(IntacctProblem) -> IntacctMoney {
        if let said = block.base, said != base { throw .rule("The base currency '\(said)' is not that of the entity.", correction: "Use \(base).") }
        let currency = block.currency ?? base
        guard Self.currencies.contains(currency) else { throw .invalid("currency", currency) }
        let rateDay = block.day ?? day
        if let text = block.rate {
            guard let rate = ExactDecimal(text), rate > .zero, let small = rate.rescaled(toScale: 10), small == rate, rate < ExactDecimal(1_000_000) else {
                throw .invalid("exchange rate", text)
            }
            guard currency != base || rate == .one else { throw .rule("The exchange rate of the base currency is 1.") }
            return IntacctMoney(currency: currency, base: base, rate: rate, type: "", day: rateDay)
        }
        let type = block.type ?? IntacctSeed.rateType
        guard type == IntacctSeed.rateType else { throw .invalid("exchange rate type", type) }
        guard let rate = rate(type, from: currency, to: base, on: rateDay) else {
            throw .rule("There is no exchange rate from \(currency) to \(base) on \(IntacctTime.day(rateDay)).", correction: "Provide an exchange rate.")
        }
        return IntacctMoney(currency: currency, base: base, rate: rate, type: type, day: rateDay)
    }

    /// An account that may be posted to.
    func account(_ number: String) throws(IntacctProblem) -> IntacctRecord {
        guard let found = named("GLACCOUNT", number) else { throw .invalid("GL account number", number) }
        guard found.isActive else { throw .rule("Account is inactive: \(number)", correction: "Use an active account.") }
        return found
    }

    /// Which account, and of which dimensions, a line is.
    func checked(_ line: IntacctDraftLine, _ side: IntacctSide) throws(IntacctProblem) -> (account: IntacctRecord, dimensions: [String: String]) {
        var number = line.account
        if let label = line.label {
            guard let found = named(side.accountLabel, label) else { throw .invalid("account label", label) }
            number = found["GLACCOUNTNO"]
        }
        guard let number else { throw .missing("GL Account Number") }
        let account = try account(number)
        return (account, try dimensions(line.dimensions, account))
    }

    /// The dimensions of a line, with names, and the entity that the session or the line puts it in.
    func dimensions(_ sent: [String: String], _ account: IntacctRecord) throws(IntacctProblem) -> [String: String] {
        var out = sent
        if isMultiEntity, out["LOCATIONID"] == nil, let at = entity.filled { out["LOCATIONID"] = at }
        for reference in IntacctSchema.references {
            guard let id = out[reference.field] else { continue }
            guard let found = named(reference.object, id), found.isActive else { throw .invalid(reference.label, id) }
            let title = found["NAME"].filled ?? found["TITLE"]
            out[String(reference.field.dropLast(2)) + "NAME"] = title
        }
        if isMultiEntity {
            guard let location = out["LOCATIONID"] else { throw .dimension("Location", account["ACCOUNTNO"]) }
            if !entity.isEmpty, self.entity(of: location) != entity { throw .invalid("Location", location) }
        }
        let required = [("REQUIRELOC", "LOCATIONID", "Location"), ("REQUIREDEPT", "DEPARTMENTID", "Department"), ("REQUIRECLASS", "CLASSID", "Class")]
        for (flag, field, label) in required where account[flag] == "true" && out[field] == nil { throw .dimension(label, account["ACCOUNTNO"]) }
        return out
    }

    func guardSupdoc(_ id: String?) throws(IntacctProblem) {
        guard let id, records("_SUPDOC", where: "SUPDOCID", is: id).isEmpty else { return }
        throw .invalid("attachment", id)
    }

    static func guardLength(_ field: String, _ value: String?, _ most: Int) throws(IntacctProblem) {
        if let value, value.count > most { throw .tooLong(field, most) }
    }
}
