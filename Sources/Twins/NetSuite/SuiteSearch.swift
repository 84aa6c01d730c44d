internal import Kernel
internal import Wire

/// A field of a search: an operator, and values.
struct SuiteCriterion: Sendable {
    let name: String
    let test: String
    let values: [String]

    init(_ element: XMLElement) {
        name = element.name.local
        test = element.attribute("operator") ?? ""
        // Records of a choice are told by their ids, everything else by its text.
        values = element.children.filter { $0.name.local.hasPrefix("searchValue") }
            .map { $0.attribute("internalId") ?? $0.attribute("externalId") ?? $0.text }
    }

    /// Whether one of a record's texts passes.
    func matches(_ texts: [String]) -> Bool {
        let have = texts.map { $0.lowercased() }
        let want = values.map { $0.lowercased() }
        let first = want.first ?? ""
        switch test {
        case "anyOf", "": return have.contains { want.contains($0) }
        case "noneOf": return !have.contains { want.contains($0) }
        case "is": return have.contains(first)
        case "isNot": return !have.contains(first)
        case "contains", "hasKeywords": return have.contains { $0.contains(first) }
        case "doesNotContain": return !have.contains { $0.contains(first) }
        case "startsWith": return have.contains { $0.hasPrefix(first) }
        case "doesNotStartWith": return !have.contains { $0.hasPrefix(first) }
        case "empty": return have.allSatisfy(\.isEmpty)
        case "notEmpty": return have.contains { !$0.isEmpty }
        default: return number(texts.first.flatMap { ExactDecimal($0) })
        }
    }

    private func number(_ have: ExactDecimal?) -> Bool {
        guard let have, let want = values.first.flatMap({ ExactDecimal($0) }) else { return false }
        switch test {
        case "equalTo": return have == want
        case "notEqualTo": return have != want
        case "greaterThan": return have > want
        case "greaterThanOrEqualTo": return have >= want
        case "lessThan": return have < want
        case "lessThanOrEqualTo": return have <= want
        case "between": return have >= want && values.count > 1 && ExactDecimal(values[1]).map { have <= $0 } ?? false
        default: return false
        }
    }

    func matches(time have: Timestamp?) -> Bool {
        guard let have else { return ["empty", "notOn", "notWithin"].contains(test) }
        guard let want = values.first.flatMap({ SuiteTime.read($0) }) else { return test == "notEmpty" }
        switch test {
        case "after": return have > want
        case "onOrAfter": return have >= want
        case "before": return have < want
        case "onOrBefore": return have <= want
        case "on": return SuiteTime.day(have) == SuiteTime.day(want)
        case "notOn": return SuiteTime.day(have) != SuiteTime.day(want)
        case "within", "notWithin":
            let end = values.count > 1 ? SuiteTime.read(values[1]) : nil
            let isWithin = have >= want && (end.map { have <= $0 } ?? false)
            return isWithin == (test == "within")
        default: return false
        }
    }
}

/// Answers of searches that later pages are asked of.
struct SuiteSearches: Sendable {
    struct Found: Sendable {
        var family: String
        var ids: [Int]
        var pageSize: Int
        var bodyOnly: Bool
        var used: Timestamp
    }

    /// How long one is kept after it was last used, and how many are.
    /// - Source: the sheet, "Change feed": about 15 minutes; their number is our choice.
    static let idle = Duration.seconds(900)
    static let most = 200
    var kept: [String: Found] = [:]

    mutating func keep(_ id: String, _ found: Found) {
        kept = kept.filter { $0.value.used + Self.idle > found.used }
        if kept.count >= Self.most, let oldest = kept.min(by: { $0.value.used < $1.value.used })?.key { kept[oldest] = nil }
        kept[id] = found
    }
}

extension SuiteState {
    mutating func search(_ operation: XMLElement, _ header: XMLElement?, _ soap: SuiteSOAP, _ random: any RandomSource) throws(SuiteFault) -> HTTPResponse {
        guard let record = operation["searchRecord"], let name = SuiteSOAP.typeName(record), let table = SuiteSearchTypes.of(name) else {
            let type = operation["searchRecord"].flatMap { SuiteSOAP.typeName($0) } ?? ""
            throw .bean("Deserializing parameter 'searchRecord': could not find deserializer for type \(type)")
        }
        let basic = name.hasSuffix("Basic") ? record : record["basic"]
        if !name.hasSuffix("Basic"), let join = record.children.first(where: { $0.name.local != "basic" }) {
            throw .bean("Invalid element in \(name) - \(join.name.local)")
        }
        let preferences = header?["searchPreferences"]
        let pageSize = Int(preferences?["pageSize"]?.text ?? "") ?? 50
        guard (5...1000).contains(pageSize) else {
            let problem = SuiteProblem.user("The page size must be between 5 and 1000.", soap: "INVALID_SEARCH_PREFERENCE")
            return answer(nil, 1, problem, "search", soap)
        }
        var criteria: [SuiteCriterion] = []
        for child in basic?.children ?? [] {
            guard table.fields[child.name.local] != nil else { throw .bean("Invalid element in \(name) - \(child.name.local)") }
            criteria.append(SuiteCriterion(child))
        }
        let types = Set(SuiteSchema.whole.targets(table.target).map(\.name))
        let ids = all(SuiteSchema.whole.family(table.target))
            .filter { types.contains($0.type) }.filter { found in criteria.allSatisfy { passes(found, $0, table.fields[$0.name] ?? "S") } }.map(\.id)
        let bodyOnly = preferences?["bodyFieldsOnly"]?.text != "false"
        let family = SuiteSchema.whole.targets(table.target).first?.family ?? table.target
        let found = SuiteSearches.Found(family: family, ids: ids, pageSize: pageSize, bodyOnly: bodyOnly, used: now)
        let id = "WEBSERVICES_\(NetSuiteTwin.account)_\(SuiteRandom.text(random, 24))"
        searches.keep(id, found)
        return answer((id, found), 1, nil, "search", soap)
    }

    mutating func searchMore(_ operation: XMLElement, _ soap: SuiteSOAP) -> HTTPResponse {
        let id = operation["searchId"]?.text ?? ""
        guard var found = searches.kept[id], found.used + SuiteSearches.idle > now else {
            return answer(nil, 1, .user("The search id is not valid, or has ended.", soap: "INVALID_SEARCH_MORE"), "searchMoreWithId", soap)
        }
        found.used = now
        searches.kept[id] = found
        let page = Int(operation["pageIndex"]?.text ?? "") ?? 0
        guard page >= 1, page == 1 || (page - 1) * found.pageSize < found.ids.count else {
            return answer(nil, 1, .user("Invalid page index.", soap: "INVALID_SEARCH_PAGE_INDEX"), "searchMoreWithId", soap)
        }
        return answer((id, found), page, nil, "searchMoreWithId", soap)
    }

    private func answer(
        _ found: (id: String, result: SuiteSearches.Found)?, _ page: Int, _ problem: SuiteProblem?, _ name: String, _ soap: SuiteSOAP
    ) -> HTTPResponse {
        soap.answer("\(name)Response") { soap, writer in
            writer.start("platformCore:searchResult")
            soap.status(problem, &writer)
            if let (id, result) = found {
                writer.element("platformCore:totalRecords", String(result.ids.count))
                writer.element("platformCore:pageSize", String(result.pageSize))
                writer.element("platformCore:totalPages", String((result.ids.count + result.pageSize - 1) / result.pageSize))
                writer.element("platformCore:pageIndex", String(page))
                writer.element("platformCore:searchId", id)
                writer.start("platformCore:recordList")
                let printer = SuiteSOAPPrinter(state: self, soap: soap, bodyOnly: result.bodyOnly)
                for id in result.ids.dropFirst((page - 1) * result.pageSize).prefix(result.pageSize) {
                    guard let record = record(result.family, id), let type = SuiteSchema.whole.types[record.type] else { continue }
                    printer.write("platformCore:record", type, record, &writer)
                }
                writer.end()
            }
            writer.end()
        }
    }

    private func passes(_ record: SuiteRecord, _ criterion: SuiteCriterion, _ kind: String) -> Bool {
        switch kind {
        case "D":
            switch criterion.name {
            case "lastModifiedDate": return criterion.matches(time: record.modified)
            case "dateCreated": return criterion.matches(time: record.created)
            default: return criterion.matches(time: record.text(criterion.name).flatMap { SuiteTime.read($0) })
            }
        case "B":
            let wanted = ["true", "1"].contains(criterion.values.first ?? "")
            return criterion.name == "mainLine" || record.flag(criterion.name) == wanted
        default: return criterion.matches(texts(record, criterion))
        }
    }

    private func texts(_ record: SuiteRecord, _ criterion: SuiteCriterion) -> [String] {
        func text(_ fields: String...) -> [String] { [fields.lazy.compactMap { record.values[$0]?.plain }.first ?? ""] }
        switch criterion.name {
        case "internalId", "internalIdNumber": return [String(record.id)]
        case "externalId", "externalIdString": return [record.externalID ?? ""]
        case "recordType": return [record.type]
        case "type": return record.type == "account" ? [SuiteWords.soap(record.text("acctType") ?? "")] : ["_\(record.type)", record.type]
        case "name", "displayName": return text("name", "acctName", "displayName", "itemId", "entityId")
        case "number": return text("acctNumber")
        case "entity": return text("entity", "customer")
        case "account": return impact(record).map { String($0.account) }
        case "amount", "total": return [SuiteAmount.json(amount(record), places(record)).plain ?? ""]
        case "amountRemaining": return [SuiteAmount.json(remaining(record), places(record)).plain ?? ""]
        case "status": return ["_\(record.type):_\(status(record).split(separator: " ").joined())", status(record)]
        default: return text(criterion.name)
        }
    }
}

/// The kinds of searches and their fields: S text, M records, E words, B, D, N double, L long.
enum SuiteSearchTypes {
    struct Table: Sendable {
        let name: String
        /// The type or family that is searched.
        let target: String
        /// Where `…Search` belongs; `…SearchBasic` is in `common.platform`.
        let area: String
        let order: [String]
        let fields: [String: String]
    }

    static func of(_ name: String) -> Table? {
        let bare = name.hasSuffix("SearchBasic") ? name.dropLast(11) : name.hasSuffix("Search") ? name.dropLast(6) : ""
        return tables.first { $0.name == bare }
    }

    private static let person = """
        accountNumber:S comments:S companyName:S currency:M dateCreated:D email:S entityId:S externalId:M externalIdString:S firstName:S internalId:M
        internalIdNumber:L isInactive:B isPerson:B lastModifiedDate:D lastName:S phone:S subsidiary:M
        """
    private static let ids = "externalId:M externalIdString:S internalId:M internalIdNumber:L"
    private static let unit = "\(ids) isInactive:B name:S subsidiary:M"

    static let tables: [Table] = [
        table(
            "Transaction", "transaction", "sales.transactions",
            """
            account:M amount:N amountRemaining:N createdFrom:M currency:M customer:M dateCreated:D department:M dueDate:D entity:M externalId:M
            externalIdString:S internalId:M internalIdNumber:L lastModifiedDate:D location:M mainLine:B memo:S otherRefNum:S postingPeriod:M recordType:S
            status:E subsidiary:M total:N tranDate:D tranId:S type:E voided:B
            """),
        table("Customer", "customer", "relationships.lists", person), table("Vendor", "vendor", "relationships.lists", person),
        table(
            "Account", "account", "accounting.lists",
            "description:S displayName:S \(ids) isInactive:B legalName:S name:S number:S parent:M type:E"),
        table(
            "AccountingPeriod", "accountingPeriod", "accounting.lists",
            "allLocked:B apLocked:B arLocked:B closed:B endDate:D internalId:M internalIdNumber:L isAdjust:B isInactive:B isQuarter:B isYear:B "
                + "parent:M periodName:S startDate:D"),
        table(
            "Item", "item", "accounting.lists",
            "displayName:S externalId:M externalIdString:S internalId:M internalIdNumber:L isInactive:B itemId:S lastModifiedDate:D name:S type:E"),
        table("SalesTaxItem", "salesTaxItem", "accounting.lists", "description:S \(ids) isInactive:B itemId:S name:S taxType:M"),
        table("TaxType", "taxType", "accounting.lists", "internalId:M internalIdNumber:L isInactive:B name:S"),
        table("Subsidiary", "subsidiary", "accounting.lists", "currency:M email:S \(ids) isInactive:B legalName:S name:S"),
        table("Department", "department", "accounting.lists", unit), table("Classification", "classification", "accounting.lists", unit),
        table("Location", "location", "accounting.lists", unit),
        table("Term", "term", "accounting.lists", "internalId:M internalIdNumber:L isInactive:B name:S"),
        table("PaymentMethod", "paymentMethod", "accounting.lists", "internalId:M internalIdNumber:L isInactive:B name:S"),
    ]

    private static func table(_ name: String, _ target: String, _ area: String, _ fields: String) -> Table {
        let pairs = fields.split(whereSeparator: { $0 == " " || $0 == "\n" }).map { $0.split(separator: ":").map(String.init) }
        return Table(name: name, target: target, area: area, order: pairs.map { $0[0] }, fields: Dictionary(pairs.map { ($0[0], $0[1]) }) { first, _ in first })
    }
}
