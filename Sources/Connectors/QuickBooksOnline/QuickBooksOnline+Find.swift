public import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension QuickBooksOnlineConnector {
    /// By number, a hundred in a query. Payments have no number that can be searched for: they are asked for by day
    /// and amount (by day alone where a day has many amounts) and compared here.
    public func find(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<
        [PostKey: LedgerReadback]
    > {
        var wanted: [Entity: [LedgerDocument]] = [:]
        for document in documents {
            if let entity = entity(of: document) { wanted[entity, default: []].append(document) }
        }
        var queries: [Query] = []
        var currencies: [Entity: [PostKey: Currency]] = [:]
        for entity in Entity.allCases {
            guard let some = wanted[entity] else { continue }
            for document in some { currencies[entity, default: [:]][document.key] = document.plan.currency }
            queries += Self.queries(some, entity)
        }
        let known = currencies
        return rows(queries, connection) { rows in
            var found: [PostKey: LedgerReadback] = [:]
            do throws(Fault) {
                for row in rows {
                    guard let entity = Entity(rawValue: row.entity), let key = Self.key(of: row.fields, entity),
                        let currency = known[entity]?[key]
                    else { continue }
                    let readback = try Self.readback(row.fields, entity, key: key, currency: currency)
                    found[key] = found[key].map { Self.better($0, readback) } ?? readback
                }
            } catch {
                return .fail(error)
            }
            return .finish(found)
        }
    }

    static func queries(_ document: LedgerDocument, _ entity: Entity) -> [Query] {
        var unknown = document
        unknown.remoteID = nil
        return queries([unknown], entity)
    }

    private static func queries(_ documents: [LedgerDocument], _ entity: Entity) -> [Query] {
        entity == .payment ? paymentQueries(documents) : Query.anyOf(documents.map(\.key.text).unique(by: \.self), field: "DocNumber", of: entity.rawValue)
    }

    private static func paymentQueries(_ documents: [LedgerDocument]) -> [Query] {
        var days: [LocalDate: Set<String>] = [:]
        // Once the id is known it finds voided payments too, whose amount is gone.
        let known = documents.compactMap(\.remoteID).filter { !$0.isEmpty }
        for document in documents where document.remoteID?.isEmpty ?? true {
            days[document.plan.date, default: []].insert(document.plan.total.text)
        }
        return Query.anyOf(known.unique(by: \.self), field: "Id", of: Entity.payment.rawValue)
            + days.sorted { $0.key < $1.key }.flatMap { day, amounts in
                let date = "TxnDate = \(Query.quoted(day.description))"
                guard amounts.count <= QuickBooksLimits.amountsPerDay else {
                    return [Query(Entity.payment.rawValue, where: date, ordered: true)]
                }
                return amounts.sorted().map {
                    Query(Entity.payment.rawValue, where: "\(date) and TotalAmt = \(Query.quoted($0))", ordered: true)
                }
            }
    }

    /// Our key in the number field, else in the note.
    static func key(of fields: JSONView, _ entity: Entity) -> PostKey? {
        let number = fields[entity == .payment ? "PaymentRefNum" : "DocNumber"].string ?? ""
        if let key = PostKey(number) { return key }
        guard let note = fields["PrivateNote"].string, let mark = note.firstRange(of: "cf:") else { return nil }
        return PostKey(note[mark.upperBound...].prefix(16))
    }

    /// Of two with the same key: the one with effect, else the older one.
    private static func better(_ a: LedgerReadback, _ b: LedgerReadback) -> LedgerReadback {
        if a.voided != b.voided { return a.voided ? b : a }
        let older = (a.remoteID.utf8.count, a.remoteID) < (b.remoteID.utf8.count, b.remoteID)
        return older ? a : b
    }

    /// By id, a hundred in a query.
    public func fetch(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<
        [PostKey: LedgerReadback]
    > {
        var wanted: [Entity: [String: [LedgerDocument]]] = [:]
        for document in documents {
            guard let entity = entity(of: document), let id = document.remoteID, !id.isEmpty else { continue }
            wanted[entity, default: [:]][id, default: []].append(document)
        }
        var queries: [Query] = []
        for entity in Entity.allCases {
            let ids = wanted[entity].map { Array($0.keys) } ?? []
            queries += Query.anyOf(
                ids.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }, field: "Id", of: entity.rawValue)
        }
        let known = wanted
        return rows(queries, connection) { rows in
            var found: [PostKey: LedgerReadback] = [:]
            do throws(Fault) {
                for row in rows {
                    guard let entity = Entity(rawValue: row.entity), let id = row.fields["Id"].string else { continue }
                    for document in known[entity]?[id] ?? [] {
                        found[document.key] = try Self.readback(
                            row.fields, entity, key: Self.key(of: row.fields, entity), currency: document.plan.currency)
                    }
                }
            } catch {
                return .fail(error)
            }
            return .finish(found)
        }
    }
}
