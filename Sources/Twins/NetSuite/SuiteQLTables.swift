internal import Kernel
internal import Wire

/// One row of a table: a record, or the n-th line of one.
struct SuiteRow: Sendable {
    let record: SuiteRecord
    var line = 0
    /// The GL impact, worked out once for all lines of a transaction.
    var impact: [SuiteImpact] = []
}

/// What SuiteQL sees.
enum SuiteTables {
    private static let common = "id externalid"
    static let columns: [String: Set<String>] = [
        "transaction": words(
            """
            id externalid type recordtype abbrevtype tranid transactionnumber trandate entity currency exchangerate foreigntotal foreignamountpaid
            foreignamountunpaid status memo otherrefnum postingperiod createddate lastmodifieddate duedate posting voided createdfrom subsidiary trandisplayname
            """),
        "transactionline": words(
            """
            id transaction linesequencenumber uniquekey mainline taxline item itemtype quantity rate foreignamount netamount amount memo department
            class location subsidiary entity expenseaccount taxcode createdfrom
            """),
        "transactionaccountingline": words("transaction transactionline account debit credit amount posting accountingbook exchangerate"),
        "customer": words(
            """
            id externalid entityid companyname firstname lastname email phone isperson isinactive currency subsidiary lastmodifieddate datecreated
            balance altname
            """),
        "vendor": words("id externalid entityid companyname email phone isinactive currency subsidiary lastmodifieddate datecreated"),
        "entity": words("id externalid entityid companyname email phone isinactive type lastmodifieddate datecreated"),
        "item": words("id externalid itemid displayname itemtype subtype isinactive incomeaccount expenseaccount lastmodifieddate createddate"),
        "account": words(
            """
            id externalid acctnumber accountsearchdisplayname accountsearchdisplaynamecopy fullname displaynamewithhierarchy accttype isinactive parent
            balance description currency
            """),
        "currency": words("id name symbol exchangerate isbasecurrency isinactive currencyprecision"),
        "subsidiary": words("id externalid name fullname legalname country currency isinactive parent iselimination"),
        "department": words("id externalid name fullname isinactive subsidiary"), "classification": words("id externalid name fullname isinactive subsidiary"),
        "location": words("id externalid name fullname isinactive subsidiary"),
        "accountingperiod": words("id periodname startdate enddate closed arlocked aplocked alllocked isadjust isquarter isyear isinactive closedondate"),
        "salestaxitem": words("id externalid itemid displayname name description rate taxtype isinactive salesaccount saleaccount purchaseaccount"),
        "paymentmethod": words("id name isinactive"), "term": words("id name daysuntilnetdue isinactive"),
        "deletedrecord": words("recordid name type recordtypeid deleteddate deletedby iscustomlist"),
    ]

    private static func words(_ text: String) -> Set<String> { Set(text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)) }
}

extension SuiteState {
    func rows(_ table: String) -> [SuiteRow] {
        switch table {
        case "deletedrecord": return gone.enumerated().map { SuiteRow(record: $0.element.record, line: $0.offset) }
        case "transactionline":
            return all("transaction").flatMap { record -> [SuiteRow] in
                let count = record.lines("item").count + record.lines("expense").count + record.lines("line").count
                let hasTax = record.minor("taxTotal", places(record)) != 0
                return (0..<(1 + count + (hasTax ? 1 : 0))).map { SuiteRow(record: record, line: $0) }
            }
        case "transactionaccountingline":
            return all("transaction").flatMap { record -> [SuiteRow] in
                let lines = impact(record)
                return lines.indices.map { SuiteRow(record: record, line: $0, impact: lines) }
            }
        case "customer", "vendor": return all("entity").filter { $0.type == table }.map { SuiteRow(record: $0) }
        case "accountingperiod": return all("accountingPeriod").map { SuiteRow(record: $0) }
        case "salestaxitem": return all("salesTaxItem").map { SuiteRow(record: $0) }
        case "paymentmethod": return all("paymentMethod").map { SuiteRow(record: $0) }
        default: return all(table).map { SuiteRow(record: $0) }
        }
    }

    func value(_ table: String, _ row: SuiteRow, _ column: String) -> SuiteValue {
        switch table {
        case "transaction": transactionValue(row.record, column)
        case "transactionline": lineValue(row, column)
        case "transactionaccountingline": impactValue(row, column)
        case "deletedrecord": goneValue(row, column)
        default: listValue(row.record, column)
        }
    }

    private static func text(_ text: String?) -> SuiteValue { text.map { .text($0) } ?? .null }
    private static func number(_ value: JSON?) -> SuiteValue { value?.decimal.map { .number($0) } ?? .null }
    private static func day(_ date: LocalDate?) -> SuiteValue { date.map { .time(Timestamp(seconds: Int64($0.daysSince1970) * 86_400)) } ?? .null }
    private static func flag(_ flag: Bool) -> SuiteValue { .text(flag ? "T" : "F") }
    private func money(_ minor: Int64, _ record: SuiteRecord) -> SuiteValue { .number(ExactDecimal(small: minor, scale: places(record)).shortest) }

    private func transactionValue(_ record: SuiteRecord, _ column: String) -> SuiteValue {
        switch column {
        case "id": return .number(ExactDecimal(record.id))
        case "externalid": return Self.text(record.externalID)
        case "type": return Self.text(SuiteSchema.whole.types[record.type]?.code)
        case "recordtype": return .text(record.type.lowercased())
        case "abbrevtype": return .text((SuiteNumbers.prefixes[record.type] ?? "BILL"))
        case "trandisplayname": return Self.text(name("transaction", record.id))
        case "tranid": return Self.text(record.text("tranId"))
        case "transactionnumber": return Self.text(record.text("tranId"))
        case "trandate": return Self.day(record.date("tranDate"))
        case "duedate": return Self.day(record.date("dueDate"))
        case "entity": return Self.text(record.text("entity") ?? record.text("customer"))
        case "foreigntotal":
            guard record.type == "journalEntry" else { return money(sign(record) * amount(record), record) }
            return money(impact(record).reduce(0) { $0 + max(0, $1.minor) }, record)
        case "foreignamountunpaid": return money(remaining(record), record)
        case "foreignamountpaid": return money(amount(record) - remaining(record), record)
        case "exchangerate": return Self.number(record.values["exchangeRate"])
        case "status": return .text(remaining(record) == 0 ? "B" : "A")
        case "createddate": return .time(record.created)
        case "lastmodifieddate": return .time(record.modified)
        case "posting": return Self.flag(record.type != "purchaseOrder")
        case "voided": return .text("F")
        case "memo", "currency", "subsidiary": return Self.text(record.text(column))
        case "otherrefnum": return Self.text(record.text("otherRefNum"))
        case "postingperiod": return Self.text(record.text("postingPeriod"))
        case "createdfrom": return Self.text(record.text("createdFrom"))
        default: return Self.text(record.values[column]?.plain ?? record.values[column]?.bool.map { $0 ? "T" : "F" })
        }
    }

    /// Credits and refunds are negative.
    private func sign(_ record: SuiteRecord) -> Int64 { ["creditMemo", "cashRefund", "customerRefund"].contains(record.type) ? -1 : 1 }

    private func lineValue(_ row: SuiteRow, _ column: String) -> SuiteValue {
        let record = row.record
        let all = record.lines("item") + record.lines("expense") + record.lines("line")
        let line: JSON? = row.line >= 1 && row.line <= all.count ? all[row.line - 1] : nil
        let isTax = row.line > all.count
        switch column {
        case "id", "linesequencenumber": return .number(ExactDecimal(row.line))
        case "uniquekey": return .number(ExactDecimal(record.id * 10_000 + row.line))
        case "transaction": return .number(ExactDecimal(record.id))
        case "mainline": return Self.flag(row.line == 0)
        case "taxline": return Self.flag(isTax)
        case "foreignamount", "netamount", "amount":
            var minor: Int64 = 0
            if let line {
                let debit = line.minor("debit", places(record)) - line.minor("credit", places(record))
                minor = record.type == "journalEntry" ? debit : (record.type == "vendorBill" ? 1 : -sign(record)) * line.minor("amount", places(record))
            } else if isTax {
                minor = (record.type == "vendorBill" ? 1 : -sign(record)) * record.minor("taxTotal", places(record))
            } else {
                minor = (record.type == "vendorBill" ? -1 : sign(record)) * amount(record)
            }
            return money(column == "foreignamount" ? minor : SuiteAmount.base(minor, rate(record)), record)
        case "quantity", "rate":
            guard let text = line?[column]?.plain, let read = SuiteAmount.rate(text) else { return .null }
            return .number(read.value)
        case "expenseaccount": return Self.text(line?.text("account"))
        case "taxcode": return Self.text(line?.text("taxCode"))
        case "itemtype": return Self.text(self.record("item", line?.id("item")).flatMap { SuiteSchema.whole.types[$0.type]?.code })
        case "subsidiary": return Self.text(record.text("subsidiary"))
        case "entity": return Self.text(line?.text("entity") ?? record.text("entity") ?? record.text("customer"))
        case "createdfrom": return Self.text(record.text("createdFrom"))
        case "memo": return Self.text(line == nil ? record.text("memo") : line?.text("description") ?? line?.text("memo"))
        default: return Self.text(line == nil ? record.text(column) : line?.text(column) ?? record.text(column))
        }
    }

    private func impactValue(_ row: SuiteRow, _ column: String) -> SuiteValue {
        let line = row.impact[row.line]
        let amount = ExactDecimal(small: line.base, scale: 2).shortest
        switch column {
        case "transaction": return .number(ExactDecimal(row.record.id))
        case "transactionline": return .number(ExactDecimal(row.line))
        case "account": return .number(ExactDecimal(line.account))
        case "debit": return line.base > 0 ? .number(amount) : .null
        case "credit": return line.base < 0 ? .number(-amount) : .null
        case "amount": return .number(amount)
        case "exchangerate": return .number(rate(row.record))
        default: return .text(column == "posting" ? "T" : "1")
        }
    }

    private func goneValue(_ row: SuiteRow, _ column: String) -> SuiteValue {
        switch column {
        case "recordid": return .number(ExactDecimal(row.record.id))
        case "name": return Self.text(row.record.text("tranId") ?? row.record.text("entityId"))
        case "type", "recordtypeid": return Self.text(SuiteSchema.whole.types[row.record.type]?.soap)
        case "deleteddate": return .time(gone[row.line].at)
        default: return .null
        }
    }

    private func listValue(_ record: SuiteRecord, _ column: String) -> SuiteValue {
        switch column {
        case "id": return .number(ExactDecimal(record.id))
        case "externalid": return Self.text(record.externalID)
        case "lastmodifieddate": return .time(record.modified)
        case "createddate", "datecreated": return .time(record.created)
        case "itemtype": return Self.text(SuiteSchema.whole.types[record.type]?.code)
        case "subtype": return Self.text(["Sale", "Purchase"].first { record.type.hasSuffix("\($0)Item") })
        case "type" where record.type == "customer" || record.type == "vendor": return Self.text(SuiteSchema.whole.types[record.type]?.code)
        case "accountsearchdisplayname", "accountsearchdisplaynamecopy", "displaynamewithhierarchy": return Self.text(record.text("acctName"))
        case "fullname": return Self.text(record.text("acctName") ?? record.text("name"))
        case "name": return Self.text(record.text("name") ?? record.text("itemId"))
        case "salesaccount": return Self.text(record.text("saleAccount"))
        case "balance": return Self.number(shown(record)["balance"])
        case "rate": return record.text("rate").flatMap { SuiteAmount.rate($0)?.value }.map { .number($0.shortest) } ?? .null
        case "startdate": return Self.day(record.date("startDate"))
        case "enddate": return Self.day(record.date("endDate"))
        default:
            guard let name = record.values.keys.first(where: { $0.lowercased() == column }), let value = record.values[name] else {
                return ["isinactive", "iselimination", "isperson"].contains(column) ? .text("F") : .null
            }
            if let flag = value.bool { return Self.flag(flag) }
            if case .number = value { return Self.number(value) }
            return Self.text(value.plain)
        }
    }
}
