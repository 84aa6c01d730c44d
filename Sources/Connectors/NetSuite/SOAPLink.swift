internal import ConnectorKit
internal import Kernel
internal import Wire

/// SuiteTalk's SOAP operations: lists of records in one call.
struct SOAPLink: Link {
    let settings: Settings
    let documentsMost = NetSuiteLimits.batchDocuments

    init(_ connection: ConnectionFacts) throws(Fault) { settings = try Settings(connection) }

    // MARK: Calls

    static func call(_ kind: Call.Kind, _ operation: String, searching: Bool = false, _ write: (inout XMLWriter) -> Void) -> Call {
        var writer = XMLWriter()
        writer.start(operation, [
            ("xmlns", Schema.messages), ("xmlns:c", Schema.core), ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ])
        write(&writer)
        writer.end()
        let header: FilledBody = searching ? "\(Schema.passport)\(bytes: Schema.searchPreferences)" : Schema.passport
        return SOAP.call(kind, Schema.path, action: operation, header: header, body: "\(bytes: writer.bytes)")
    }

    // MARK: Records

    func records(_ wants: [Want]) -> Exchange<[Record]> { records(wants.parts(of: NetSuiteLimits.listed)[...], []) }

    private func records(_ parts: ArraySlice<[Want]>, _ found: [Record]) -> Exchange<[Record]> {
        guard let part = parts.first else { return .finish(found) }
        let call = Self.call(.read, "getList") { writer in
            for want in part {
                let by: (String, String) = switch want.by {
                case .id(let id): ("internalId", id)
                case .external(let key): ("externalId", key)
                }
                writer.start("baseRef", [("xsi:type", "c:RecordRef"), ("type", want.kind.rawValue), by])
                writer.end()
            }
        }
        return .send(call) { answer in
            do throws(Fault) {
                guard let results = Results(answer), results.each.count == part.count else { throw NetSuite.unreadable("it tells not of each record") }
                var some: [Record] = []
                for result in results.each where result.problem == nil {
                    guard let record = result.record.flatMap({ Record($0) }) else { throw NetSuite.unreadable("a record has no id or type") }
                    some.append(record)
                }
                return self.records(parts.dropFirst(), found + some)
            } catch { return .fail(error) }
        }
    }

    // MARK: Writes

    func add(_ records: [Record]) -> Exchange<[PostOutcome]> {
        let settings = settings
        let call = Self.call(.write, "addList") { writer in for record in records { record.write(&writer, settings) } }
        return .send(call) { answer in
            guard let results = Results(answer), results.each.count == records.count else {
                return .finish(records.map { _ in .unknown(NetSuite.lost("it tells not of each document")) })
            }
            return .finish(results.each.map(\.outcome))
        }
    }

    func change(_ record: Record) -> Exchange<Changed> {
        var changed = record
        // What it is written in can't be changed, and need not be.
        changed.fields.remove("currency")
        let (known, settings) = (changed, settings)
        return .send(Self.call(.write, "update") { known.write(&$0, settings) }) { .finish(Self.changed($0)) }
    }

    func remove(_ kind: Kind, _ id: String) -> Exchange<Changed> {
        let call = Self.call(.write, "delete") { writer in
            writer.start("baseRef", [("xsi:type", "c:RecordRef"), ("type", kind.rawValue), ("internalId", id)])
            writer.end()
        }
        return .send(call) { answer in
            // The answer to a delete need not repeat the id.
            if let only = Results(answer)?.each.first, only.problem == nil { return .finish(.outcome(.posted(remoteID: id, version: nil))) }
            return .finish(Self.changed(answer))
        }
    }

    private static func changed(_ answer: HTTPResponse) -> Changed {
        guard let result = Results(answer)?.each.first else { return .outcome(.unknown(NetSuite.lost("it tells nothing of the document"))) }
        return result.problem?.meaning == .missing ? .absent : .outcome(result.outcome)
    }

    // MARK: Lists

    func rows(_ list: List) -> Exchange<[Row]> {
        switch list {
        case .currencies:
            return all("currency") { fields, id in
                ["id": id, "code": fields.text("symbol") ?? "", "base": fields.mark("isBaseCurrency"), "inactive": fields.mark("isInactive")]
            }
        case .taxCodes:
            return all("salesTaxItem") { fields, id in ["id": id, "type": fields.id("taxType") ?? "", "inactive": fields.mark("isInactive")] }
        case .accounts: return search("AccountSearchBasic", Schema.common, { _ in }).map { $0.map(Self.account) }
        case .subsidiary(let id): return subsidiary(id)
        case .closedPeriods:
            let call = search("AccountingPeriodSearchBasic", Schema.common) { writer in
                for name in ["isQuarter", "isYear"] {
                    writer.start("q:\(name)")
                    writer.element("c:searchValue", "false")
                    writer.end()
                }
            }
            return call.map { elements in
                elements.map { Fields($0) }.filter { fields in ["closed", "arLocked", "allLocked"].contains { fields.flag($0) == true } }
                    .map { ["end": $0.day("endDate")?.description ?? ""] }
            }
        case .customers(let names):
            return named(names[...], "CustomerSearchBasic", "companyName", []) { Self.company($0, $1) }
        case .vendors(let names):
            return named(names[...], "VendorSearchBasic", "companyName", []) { Self.company($0, $1) }
        case .items(let names):
            return named(names[...], "ItemSearchBasic", "itemId", []) { fields, element in
                let (type, subtype) = Self.kind(ofItem: element)
                return [
                    "id": element.attribute("internalId") ?? "", "name": fields.text("itemId") ?? "", "account": fields.id("incomeAccount") ?? "",
                    "inactive": fields.mark("isInactive"), "type": type, "subtype": subtype,
                ]
            }
        }
    }

    private static func company(_ fields: Fields, _ element: XMLElement) -> Row {
        ["id": element.attribute("internalId") ?? "", "name": fields.text("companyName") ?? "", "inactive": fields.mark("isInactive")]
    }

    /// As a query calls them; SOAP has them in the record's own type: `NonInventoryResaleItem`.
    private static func kind(ofItem element: XMLElement) -> (type: String, subtype: String) {
        let word = element.attributes.first { $0.name.local == "type" && $0.name.namespace != nil }?.value.split(separator: ":").last.map(String.init) ?? ""
        let subtype = ["Purchase", "Resale", "Sale"].first { word.hasSuffix("\($0)Item") } ?? ""
        return (subtype.isEmpty && word.hasSuffix("InventoryItem") ? "InvtPart" : subtype.isEmpty && word.hasSuffix("AssemblyItem") ? "Assembly" : word, subtype)
    }

    private static func account(_ element: XMLElement) -> Row {
        let fields = Fields(element)
        return [
            "id": element.attribute("internalId") ?? "", "number": fields.text("acctNumber") ?? "", "name": fields.text("acctName") ?? "",
            "type": fields.text("acctType") ?? "", "inactive": fields.mark("isInactive"), "currency": fields.id("currency") ?? "",
        ]
    }

    private func all(_ type: String, _ row: @escaping @Sendable (Fields, String) -> Row) -> Exchange<[Row]> {
        let call = Self.call(.read, "getAll") { writer in
            writer.start("record", [("recordType", type)])
            writer.end()
        }
        return .one(call) { answer throws(Fault) in
            guard let listed = Results(answer)?.listed else { throw NetSuite.unreadable("it gives no list of \(type)") }
            return listed.map { row(Fields($0), $0.attribute("internalId") ?? "") }
        }
    }

    private func subsidiary(_ id: String) -> Exchange<[Row]> {
        let call = Self.call(.read, "getList") { writer in
            writer.start("baseRef", [("xsi:type", "c:RecordRef"), ("type", "subsidiary"), ("internalId", id)])
            writer.end()
        }
        return .one(call) { answer throws(Fault) in
            guard let result = Results(answer)?.each.first else { throw NetSuite.unreadable("it gives no subsidiary") }
            guard result.problem == nil, let record = result.record else { return [] }
            let fields = Fields(record)
            return [[
                "id": record.attribute("internalId") ?? "", "name": fields.text("name") ?? "", "country": SOAPCountries.code(fields.text("country")),
                "currency": fields.id("currency") ?? "",
            ]]
        }
    }

    /// A search each: a basic search takes one name.
    private func named(
        _ names: ArraySlice<String>, _ type: String, _ field: String, _ found: [Row], _ row: @escaping @Sendable (Fields, XMLElement) -> Row
    ) -> Exchange<[Row]> {
        guard let name = names.first else { return .finish(found) }
        let search = search(type, Schema.common) { writer in
            writer.start("q:\(field)", [("operator", "is")])
            writer.element("c:searchValue", name)
            writer.end()
        }
        return search.next { elements in
            self.named(names.dropFirst(), type, field, found + elements.map { row(Fields($0), $0) }, row)
        }
    }

    // MARK: Searches

    static func searchCall(_ type: String, _ namespace: String, _ criteria: (inout XMLWriter) -> Void) -> Call {
        call(.read, "search", searching: true) { writer in
            writer.start("searchRecord", [("xmlns:q", namespace), ("xsi:type", "q:\(type)")])
            criteria(&writer)
            writer.end()
        }
    }

    static func moreCall(_ searchID: String, page: Int) -> Call {
        call(.read, "searchMoreWithId", searching: true) { writer in
            writer.element("searchId", searchID)
            writer.element("pageIndex", String(page))
        }
    }

    /// All records that a search finds, page by page.
    private func search(_ type: String, _ namespace: String, _ criteria: (inout XMLWriter) -> Void) -> Exchange<[XMLElement]> {
        page(Self.searchCall(type, namespace, criteria), [], 1)
    }

    private func page(_ call: Call, _ found: [XMLElement], _ number: Int) -> Exchange<[XMLElement]> {
        .send(call) { answer in
            // "Nothing there" must be said, not be a misreading.
            guard let results = Results(answer), let listed = results.listed else { return .fail(NetSuite.unreadable("a search gives no list")) }
            guard let id = results.searchID, number < results.pages else { return .finish(found + listed) }
            guard number < NetSuiteLimits.pages else { return .fail(NetSuite.unreadable("a search has more than \(NetSuiteLimits.pages) pages")) }
            return self.page(Self.moreCall(id, page: number + 1), found + listed, number + 1)
        }
    }
}

extension Fields {
    /// `T` or `F`.
    fileprivate func mark(_ name: String) -> String { flag(name) == true ? "T" : "F" }
}
