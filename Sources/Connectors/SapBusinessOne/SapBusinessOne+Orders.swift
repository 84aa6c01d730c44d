internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A sales order of ours as it is there, for the lines of an invoice to be drawn from: each line of it by one line of the invoice at most, and never more
/// than is open.
/// - Source: Service Layer $metadata: BaseType, BaseEntry, BaseLine, RemainingOpenQuantity of DocumentLine; that 17 is an order: SDK Help, BoObjectTypes.
struct OpenOrder: Sendable {
    private struct Line: Sendable {
        var number: Int
        /// The item, or the account and the text of a service.
        var what: [JSON?]
        /// What is open: units of an item, the amount of a service.
        var open: ExactDecimal
    }

    private let entry: Int
    private let isService: Bool
    private let amount: String
    private var lines: [Line] = []

    /// In the body of an invoice that is drawn.
    static let mark = Array("\"BaseType\":17".utf8)

    /// `nil` where nothing can be drawn: cancelled, closed, not approved, somebody else's, or of another customer, currency or kind of lines than the invoice.
    init?(_ row: JSON, for document: LedgerDocument, _ dialect: Dialect) {
        isService = EntitySet.invoices.lines(dialect) == .service
        amount = document.plan.rate == nil ? "LineTotal" : "RowTotalFC"
        guard let entry = row["DocEntry"]?.entry, row["DocumentStatus"]?.string == "bost_Open", row["Cancelled"]?.string != "tYES", row["Confirmed"]?.string != "tNO",
            SapBusinessOneConnector.key(of: row[EntitySet.orders.keyField(dialect)]?.string) != nil, row["CardCode"]?.words == document.party,
            row["DocCurrency"]?.words == dialect.code(of: document.plan.currency), row["DocType"]?.string == (isService ? "dDocument_Service" : "dDocument_Items")
        else { return nil }
        self.entry = entry
        for line in row["DocumentLines"]?.array ?? [] where line["LineStatus"]?.string == "bost_Open" {
            guard let number = line["LineNum"]?.int, let open = (isService ? line[amount] : line["RemainingOpenQuantity"])?.decimal, !open.isZero else { continue }
            lines.append(Line(number: number, what: what(line), open: open))
        }
    }

    private func what(_ line: JSON) -> [JSON?] { isService ? [line["AccountCode"], line["ItemDescription"]] : [line["ItemCode"]] }

    /// The members that draw a line of an invoice from one of the order; none where nothing fits.
    mutating func take(_ members: [(key: String, value: JSON)]) -> [(key: String, value: JSON)] {
        let given = JSON.object(members)
        guard let wanted = given[isService ? amount : "Quantity"]?.decimal else { return [] }
        let same = lines.indices.filter { at in
            let open = lines[at].open
            return lines[at].what == what(given) && open.isNegative == wanted.isNegative && (open.isNegative ? open <= wanted : wanted <= open)
        }
        guard let at = same.first(where: { lines[$0].open == wanted }) ?? same.first else { return [] }
        let number = lines.remove(at: at).number
        return [("BaseType", 17), ("BaseEntry", .id(entry)), ("BaseLine", .number("\(number)"))]
    }
}

/// The order that an invoice may be drawn from.
struct BaseOrder: Sendable {
    /// Its own, which nothing of ours bears but the order; `nil` of one that is not ours any more.
    var key: PostKey?
    /// What of it is open for the invoice.
    var open: OpenOrder?

    /// Every line of the invoice finds something that nobody has invoiced; or it can't be written, and nothing is to be asked for it.
    func isEnough(for document: LedgerDocument, _ dialect: Dialect) -> Bool {
        guard let made = try? SapBusinessOneConnector.body(of: document, dialect, drawnFrom: open) else { return true }
        return (made.body["DocumentLines"]?.array ?? []).allSatisfy { $0["BaseType"] != nil }
    }
}

extension Seen {
    /// Something was delivered or invoiced from it.
    var isDrawn: Bool {
        (row["DocumentLines"]?.array ?? []).contains { line in
            if line["LineStatus"]?.string == "bost_Close" { return true }
            guard let left = line["RemainingOpenQuantity"]?.decimal, let whole = line["Quantity"]?.decimal else { return false }
            return left != whole
        }
    }

    var isClosed: Bool { row["DocumentStatus"]?.string == "bost_Close" }
}

// Orders book nothing, and people there work with them: they are changed where they stand as long as nothing was drawn from them, and what is closed is
// left alone.
extension SapBusinessOneConnector {
    static func orderQuery(_ id: Int, _ dialect: Dialect) -> Query { Query(EntitySet.orders.rawValue, EntitySet.orders.fields(dialect), filter: "DocEntry eq \(id)") }

    /// The order of an invoice as it is now; `nil` where there is none. What can't be read can't be drawn from, and keeps no invoice back.
    func base<Output: Sendable>(
        of document: LedgerDocument, _ dialect: Dialect, then next: @escaping @Sendable (BaseOrder?) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard EntitySet(document) == .invoices, let order = document.drawnFrom.flatMap({ recordID($0) }) else { return next(nil) }
        return .send(Self.orderQuery(order, dialect).call(dialect)) { answer in
            guard let row = Page(answer, dialect)?.rows.first else { return next(nil) }
            return next(BaseOrder(key: Self.key(of: row[EntitySet.orders.keyField(dialect)]?.string), open: OpenOrder(row, for: document, dialect)))
        }
    }

    /// Whether people have invoiced the order there: Copy To takes its reference along (general knowledge), and ours have keys of their own.
    func invoiced<Output: Sendable>(_ order: PostKey?, _ dialect: Dialect, then next: @escaping @Sendable (Fault?) -> Exchange<Output>) -> Exchange<Output> {
        guard let order else { return next(nil) }
        let set = EntitySet.invoices, field = set.keyField(dialect)
        let query = Query(set.rawValue, ["DocEntry", "DocNum", "Cancelled", "CancelStatus", field], filter: Self.condition(order, set, dialect), order: set.key)
        return rows([query], dialect) { pages in
            let standing = pages.joined().filter { row in
                Self.key(of: row[field]?.string) == order && row["Cancelled"]?.string != "tYES" && !["csYes", "csCancellation"].contains(row["CancelStatus"]?.string ?? "")
            }
            if standing.isEmpty { return next(nil) }
            let numbers = standing.prefix(5).map { "\($0["DocNum"]?.int ?? $0["DocEntry"]?.int ?? 0)" } + (standing.count > 5 ? ["…"] : [])
            return next(Self.refused(
                "ledger_order_invoiced", "the order was invoiced in SAP Business One already: \(numbers.joined(separator: ", "))",
                "Cancel that invoice there, then release; or leave this one unreleased where theirs is to stand."))
        }
    }

    /// Asked before what stands is cancelled for what is written anew; `nil` asks nothing.
    func unlessInvoiced<Output: Sendable>(
        _ document: LedgerDocument?, _ dialect: Dialect, then next: @escaping @Sendable (Fault?) -> Exchange<Output>
    ) -> Exchange<Output> {
        guard let document else { return next(nil) }
        return base(of: document, dialect) { self.invoiced($0?.key, dialect, then: next) }
    }

    /// An order that is closed has no more effect, whatever it says: it reads as what was meant. So does one that is cancelled, once nothing of it was to be open.
    static func end(_ row: JSON, _ document: LedgerDocument, _ out: inout LedgerReadback) {
        guard row["DocumentStatus"]?.string == "bost_Close" || out.voided else { return }
        if document.plan.effect == .void {
            out.voided = true
        } else if !out.voided || document.plan.isClosed {
            let (key, id, version) = (out.key, out.remoteID, out.version)
            out = SapBusinessOneConnector().meant(document)
            (out.key, out.remoteID, out.version) = (key, id, version)
        }
    }

    /// `nil` where the order is cancelled and written anew.
    func change(_ standing: [Seen], _ document: LedgerDocument, _ meant: LedgerReadback, _ dialect: Dialect) -> Exchange<PostOutcome>? {
        guard let first = standing.first else {
            // Nothing of it is open, which is all that was wanted.
            guard document.plan.isClosed, let id = document.remoteID else { return nil }
            return .finish(.posted(remoteID: id, version: nil))
        }
        let open = standing.filter { !$0.isClosed }
        let kept = PostOutcome.posted(remoteID: first.readback.remoteID, version: first.readback.version)
        if document.plan.isClosed { return cancel(open[...], document, dialect) { .finish($0 ?? kept) } }
        guard standing.count == 1, !first.isClosed, !Self.isAsMeant(first.readback, meant) else { return nil }
        guard !first.isDrawn else {
            return .finish(.rejected(Self.refused(
                "ledger_document_fixed", "some of the order was delivered or invoiced in SAP Business One, and it was changed in the source since",
                "Change the order in SAP Business One by hand, or close it there, then release the posting.")))
        }
        guard let patch = Self.patch(of: first, document, dialect) else { return nil }
        return .send(patch) { _ in .finish(.posted(remoteID: first.readback.remoteID, version: nil)) }
    }

    /// Other lines under the same number; `nil` where more than that is another.
    private static func patch(of seen: Seen, _ document: LedgerDocument, _ dialect: Dialect) -> Call? {
        guard document.plan.rate == nil, seen.readback.date == document.plan.date, seen.readback.party == document.party,
            seen.readback.currency == document.plan.currency.code, let body = (try? body(of: document, dialect))?.body, body["DocType"] == seen.row["DocType"]
        else { return nil }
        // What planners set there is theirs: when it is wanted, remarks, and the customer's number where our key is elsewhere.
        let names = ["DocumentLines"] + (dialect.keyField == nil ? ["NumAtCard"] : [])
        let members = names.compactMap { name in body[name].map { (key: name, value: $0) } }
        var call = patch(seen.place, .object(members), dialect)
        // Lines that are not named would stay.
        call.request.fields["B1S-ReplaceCollectionsOnPatch"] = "true"
        return call
    }
}
