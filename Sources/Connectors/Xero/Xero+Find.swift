public import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension XeroConnector {
    /// By our key: invoices, credit notes and purchase orders by number, payments and bank transactions by their reference, journals by
    /// their day and the head of their narration.
    public func find(_ documents: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        read(Endpoint.allCases[...], documents, [:], queries: Self.search) { row, endpoint, some in
            let key = Self.key(of: row, endpoint)
            return some.first { $0.key == key }
        }
    }

    /// By Xero's id, which is one document's alone: what was found is not looked for among other kinds.
    public func fetch(_ documents: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        read(Endpoint.allCases[...], documents.filter { isGUID($0.remoteID ?? "") }, [:], once: true, queries: Self.lookUp) { row, endpoint, some in
            guard let id = row[endpoint.idField].string?.lowercased() else { return nil }
            return some.first { $0.remoteID?.lowercased() == id }
        }
    }

    /// One kind after the other, each with all documents that may be of it.
    private func read(
        _ endpoints: ArraySlice<Endpoint>, _ documents: [LedgerDocument], _ found: [PostKey: LedgerReadback], once: Bool = false,
        queries: @escaping @Sendable (Endpoint, [LedgerDocument]) -> [Query],
        owner: @escaping @Sendable (JSONView, Endpoint, [LedgerDocument]) -> LedgerDocument?
    ) -> Exchange<[PostKey: LedgerReadback]> {
        guard let endpoint = endpoints.first else { return .finish(found) }
        let some = documents.filter { Endpoint.mayHold($0).contains(endpoint) && !(once && found[$0.key] != nil) }
        guard !some.isEmpty else { return read(endpoints.dropFirst(), documents, found, once: once, queries: queries, owner: owner) }
        return rows(queries(endpoint, some)) { rows in
            var next = found
            do throws(Fault) {
                for row in rows {
                    // The numbers of bills are anybody's, those of sales ours.
                    guard let document = owner(row, endpoint, some), Self.isBill(row) == (document.plan.form == .bill) else { continue }
                    let seen = try Self.readback(row, endpoint, of: document)
                    next[document.key] = next[document.key].map { Self.better($0, seen, document) } ?? seen
                }
            } catch {
                return .fail(error)
            }
            return self.read(endpoints.dropFirst(), documents, next, once: once, queries: queries, owner: owner)
        }
    }

    /// Of two with the same key: the one we know, else the one with effect, else the first. Of payments, and of what may have become another kind of
    /// document, the one with effect first: a change leaves the known one deleted and another one in its place.
    private static func better(_ a: LedgerReadback, _ b: LedgerReadback, _ document: LedgerDocument) -> LedgerReadback {
        if document.mayHaveMoved || Endpoint(document)?.isReplaced ?? false, a.voided != b.voided { return a.voided ? b : a }
        if let id = document.remoteID, (a.remoteID == id) != (b.remoteID == id) { return a.remoteID == id ? a : b }
        return a.voided && !b.voided ? b : a
    }

    // MARK: Queries

    static func search(_ endpoint: Endpoint, _ documents: [LedgerDocument]) -> [Query] {
        switch endpoint {
        case .invoices:
            // Bills have longer numbers, and an address its limits.
            return listed("InvoiceNumbers", documents.filter { $0.plan.form != .bill }.map(number), XeroLimits.listed)
                + listed("InvoiceNumbers", documents.filter { $0.plan.form == .bill }.map(number), XeroLimits.conditions)
        case .creditNotes where documents.count > 1:
            return Query.anyOf(documents.map { "CreditNoteNumber==\"\(number($0))\"" }, of: endpoint.rawValue, endpoint.decimals)
        // Purchase orders have no `where`.
        case .creditNotes, .purchaseOrders: return documents.map { single(endpoint, number($0)) }
        // Of payments only ids may stand in an OR where there are very many of them.
        case .payments: return documents.map(byReference)
        case .bankTransactions: return Query.anyOf(documents.map(referenceCondition), of: endpoint.rawValue, endpoint.decimals)
        case .manualJournals:
            return Set(documents.map(\.plan.date)).sorted().map { day in
                let (year, month, number) = day.civil
                return Query(endpoint.rawValue, [("where", "Date==DateTime(\(year),\(month),\(number))")])
            }
        }
    }

    private static func lookUp(_ endpoint: Endpoint, _ documents: [LedgerDocument]) -> [Query] {
        let ids = documents.compactMap(\.remoteID)
        if endpoint == .invoices { return listed("IDs", ids, XeroLimits.listed) }
        if ids.count == 1 || endpoint == .purchaseOrders { return ids.map { single(endpoint, $0) } }
        return Query.anyOf(ids.map { "\(endpoint.idField)==guid(\"\($0)\")" }, of: endpoint.rawValue, endpoint.decimals)
    }

    /// With a page, because lists without one leave out the lines.
    private static func listed(_ parameter: String, _ values: [String], _ most: Int) -> [Query] {
        values.parts(of: most).map {
            Query("Invoices", [(parameter, $0.joined(separator: ","))] + Endpoint.invoices.decimals)
        }
    }

    static func single(_ endpoint: Endpoint, _ id: String) -> Query {
        Query("\(endpoint.rawValue)/\(Form.percent(id))", collection: endpoint.rawValue, endpoint.decimals, single: true)
    }

    private static func referenceCondition(_ document: LedgerDocument) -> String { "Reference==\"\(reference(document))\"" }

    static func byReference(_ document: LedgerDocument) -> Query {
        let endpoint = Endpoint(document) ?? .payments
        return Query(endpoint.rawValue, [("where", referenceCondition(document))] + endpoint.decimals)
    }
}
