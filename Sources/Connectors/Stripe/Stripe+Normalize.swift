internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension StripeConnector {
    /// An event says only what to fetch: it shows its object in the version of the endpoint's API, and the object alone. What was fetched becomes
    /// documents.
    /// - Throws: `malformed_json`; `unreadable_record` naming field and object, `unbalanced_record` where Stripe's sums do not agree,
    ///   `invalid_setting` (all hold).
    public func normalize(_ record: RawRecord, _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        let settings = try StripeSettings(connection.settings)
        let root = try JSONDocument(parsing: record.body).root
        let whole = try Field(root, of: "a record of topic \(record.topic.prefix(60))").object()
        switch record.topic {
        case Topic.hint: return Normalized(documents: [], fetch: [try hinted(whole["fetch"])])
        case Topic.charge: return Normalized(documents: try ChargeReading(whole, settings).documents())
        case Topic.invoice: return Normalized(documents: try InvoiceReading(whole, settings).documents())
        case Topic.dispute: return Normalized(documents: [try DisputeReading.document(whole["dispute"].object(), settings)])
        case Topic.earning: return Normalized(documents: try EarningReading.documents(whole, settings))
        case Topic.payout: return Normalized(documents: try PayoutReading(settings).payout(whole))
        case Topic.statement: return Normalized(documents: try PayoutReading(settings).statement(whole))
        default: return try event(whole, settings, connection)
        }
    }

    private func hinted(_ field: Field) throws(Fault) -> String {
        let text = try field.text()
        let day = text.hasPrefix("balance:") ? LocalDate(text.dropFirst("balance:".count)) : nil
        guard day != nil || StripeID.isID(text) else { throw field.unreadable("an id") }
        return text
    }

    private func event(_ event: Field, _ settings: StripeSettings, _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        guard event.view["object"].string == "event", uses(topic: try event["type"].text()) else { return Normalized(documents: []) }
        // An endpoint of a Connect platform is told of all its accounts.
        if let account = try event["account"].optionalText(), account != connection.account {
            throw event["account"].unreadable("\(connection.account), whose connection it was delivered to")
        }
        let object = try event["data"]["object"].object()
        let named: Field?
        switch try object["object"].text() {
        case "charge": named = settings.isShops(object.view) ? nil : object["id"]
        case "refund", "invoice": named = settings.sales == .shop ? nil : object["id"]
        case "credit_note", "invoice_payment": named = settings.sales == .shop ? nil : object["invoice"]
        case "dispute", "application_fee": named = object["id"]
        case "payout": named = Self.isDecided(object.view) ? object["id"] : nil
        default: throw object["object"].unreadable("what its event is about")
        }
        guard let named else { return Normalized(documents: []) }
        return Normalized(documents: [], fetch: [try named.id()])
    }
}

/// How far something has come, as the last digits of its version: Stripe does not say when an object changed.
enum Version {
    /// What an invoice tells of a payment or a refund goes before what was told of it alone.
    static let invoice: Int64 = 5
    /// That a charge is no sale goes before whatever it was told as.
    static let noSale: Int64 = 9
    /// And what a credit note says of a refund before both.
    static let link: Int64 = 10

    /// Of a sale: what Stripe converted it at may be known only later.
    static func sale(_ sale: Sale) -> Int64 { sale.rate == nil ? 1 : 2 }

    static func of(_ created: Timestamp, _ rank: Int64) -> Int64 { max(1, created.microseconds) + rank }
}

/// A customer's bank asks for its money back.
enum DisputeReading {
    static func document(_ dispute: Field, _ settings: StripeSettings) throws(Fault) -> SourceDocument {
        let id = try dispute["id"].id(), charge = try dispute["charge"].id()
        let own = Field(dispute.view, of: "dispute \(id)")
        let created = try own["created"].instant(), stated = try own["status"].word()
        let moved = !(try own["balance_transactions"].list().isEmpty)
        let ended = stated == "won" || stated == "lost"
        let body = Dispute(
            payment: settings.name(of: dispute.view["charge"], id: charge), amount: try own["amount"].money(try own["currency"].currency()),
            status: ended || !moved ? stated : "funds_withdrawn", reason: try own["reason"].optionalText())
        let order = settings.isShops(dispute.view["charge"]) ? settings.order(of: dispute.view["charge"]) : nil
        return SourceDocument(
            id: id, caseID: order ?? charge, version: Version.of(created, rank(stated) * 2 + (moved ? 1 : 0)), at: created, body: .dispute(body))
    }

    /// A lost one may be won after all; nothing follows on a won one.
    private static func rank(_ status: String) -> Int64 {
        switch status {
        case "warning_needs_response": 1
        case "warning_under_review": 2
        case "needs_response": 3
        case "under_review": 4
        case "warning_closed", "prevented": 5
        case "lost": 6
        case "won": 7
        default: 0
        }
    }
}
