public import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension XeroConnector {
    /// By our key: invoices, credit notes and purchase orders by number, payments and bank transactions by their reference, journals by
    /// their day and the head of their narration.
    public func find(_ documents: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        let plans = Endpoint.allCases.map { endpoint in
            let some = documents.filter { Endpoint($0) == endpoint }
            return (endpoint: endpoint, documents: some, queries: Self.search(endpoint, some))
        }
        return read(plans.filter { !$0.documents.isEmpty }[...], [:]) { row, plan in
            let key = Self.key(of: row, plan.endpoint)
            return plan.documents.first { $0.key == key }
        }
    }

    /// By Xero's id.
    public func fetch(_ documents: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> {
        let plans = Endpoint.allCases.map { endpoint in
            let some = documents.filter { Endpoint($0) == endpoint && isGUID($0.remoteID ?? "") }
            return (endpoint: endpoint, documents: some, queries: Self.lookUp(endpoint, some))
        }
        return read(plans.filter { !$0.documents.isEmpty }[...], [:]) { row, plan in
            guard let id = row[plan.endpoint.idField].string?.lowercased() else { return nil }
            return plan.documents.first { $0.remoteID?.lowercased() == id }
        }
    }

    private typealias Plan = (endpoint: Endpoint, documents: [LedgerDocument], queries: [Query])

    private func read(
        _ plans: ArraySlice<Plan>, _ found: [PostKey: LedgerReadback],
        owner: @escaping @Sendable (JSONView, Plan) -> LedgerDocument?
    ) -> Exchange<[PostKey: LedgerReadback]> {
        guard let plan = plans.first else { return .finish(found) }
        return rows(plan.queries) { rows in
            var next = found
            do throws(Fault) {
                for row in rows {
                    // The numbers of bills are anybody's, those of sales ours.
                    guard let document = owner(row, plan), Self.isBill(row) == (document.plan.form == .bill) else { continue }
                    let seen = try Self.readback(row, plan.endpoint, of: document)
                    next[document.key] = next[document.key].map { Self.better($0, seen, document) } ?? seen
                }
            } catch {
                return .fail(error)
            }
            return self.read(plans.dropFirst(), next, owner: owner)
        }
    }

    /// Of two with the same key: the one we know, else the one with effect, else the first. Of payments the one with
    /// effect first: a change of a payment leaves the known one deleted and another one in its place.
    private static func better(_ a: LedgerReadback, _ b: LedgerReadback, _ document: LedgerDocument) -> LedgerReadback {
        if Endpoint(document)?.isReplaced ?? false, a.voided != b.voided { return a.voided ? b : a }
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
