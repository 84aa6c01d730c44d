import Books
import ConnectorKit
import Kernel
import Mapping
import Shopify
import Testing
import TwinKit
import Wire

@testable import Sandbox

/// The two shops of a day and the connector that reads them, without a network between.
final class ShopFront {
    struct Event {
        var order: DayOrder
        var webhooks: [ShopWebhook]
        var beforeNoon: Bool
    }

    let twin: ShopifyTwin
    let generator: DayGenerator
    let days: [DayOrder]
    let connector = ShopifyConnector()
    let businesses: [String: ClientBusiness]
    private(set) var calls = 0
    private var now = Timestamp(seconds: 1_794_700_000)

    init(seed: UInt64, orders: Int) throws {
        twin = try ShopifyTwin(journal: TwinJournal())
        generator = try DayGenerator(seed: seed, orders: orders)
        days = generator.day()
        businesses = [
            "prairie-goods": try ClientBusiness("prairie-goods"),
            "thames-pottery": try ClientBusiness("thames-pottery"),
        ]
    }

    func business(_ shop: String) throws -> ClientBusiness { try #require(businesses[shop]) }

    func shop(_ name: String) throws -> Shop { try #require(twin.shop(name)) }

    /// Lets the day happen in order of local time; `each` sees every event right after it. Other tests get their turn in
    /// between: some wait for answers with the clock running.
    func play(_ each: (Event) throws -> Void) async throws {
        var steps: [(second: Int, day: Int, event: Int)] = []
        for (d, day) in days.enumerated() {
            let zone = try shop(day.shop).zone
            for (e, event) in day.events.enumerated() { steps.append((zone.secondOfDay(at: event.at), d, e)) }
        }
        steps.sort { ($0.second, $0.day, $0.event) < ($1.second, $1.day, $1.event) }
        for step in steps {
            let day = days[step.day]
            let webhooks = twin.apply(day.events[step.event])
            await Task.yield()
            try each(Event(order: day, webhooks: webhooks, beforeNoon: step.second < DayFacts.noon))
        }
    }

    /// Every webhook of the whole day, played out.
    func webhooks() async throws -> [ShopWebhook] {
        var all: [ShopWebhook] = []
        try await play { all += $0.webhooks }
        return all
    }

    /// What one webhook says, with whatever it asks to be fetched.
    func read(_ webhook: ShopWebhook) throws -> [SourceDocument] {
        let business = try business(webhook.shop)
        let request = webhook.request(to: "http://127.0.0.1/hooks", shop: try shop(webhook.shop))
        let delivery = try #require(
            connector.verify(request.fields, body: request.body, secret: Secret(try shop(webhook.shop).secret)))
        return try read(
            RawRecord(topic: delivery.topic, deliveryID: delivery.deliveryID, body: request.body), business)
    }

    /// One order as a fetch brings it.
    func fetch(_ id: String, _ business: ClientBusiness) throws -> [SourceDocument] {
        let record = try #require(try run(connector.fetch(id, business.facts), business))
        return try read(record, business)
    }

    func read(_ record: RawRecord, _ business: ClientBusiness) throws -> [SourceDocument] {
        let read = try connector.normalize(record, business.facts)
        var documents = read.documents
        for id in read.fetch { documents += try fetch(id, business) }
        return documents
    }

    /// Everything a sweep finds, over all its pages.
    func sweep(_ business: ClientBusiness) throws -> SweepPage {
        var whole = SweepPage(records: [], next: nil, watermark: nil)
        var cursor: String?
        repeat {
            let since = Timestamp(seconds: 1_793_000_000)
            let page = try run(connector.sweep(since: since, cursor: cursor, business.facts), business)
            whole.records += page.records
            whole.listed += page.listed
            whole.watermark = page.watermark ?? whole.watermark
            cursor = page.next
        } while cursor != nil
        return whole
    }

    /// Drives an exchange against the twin; slowly enough that it never has to wait.
    func run<Output: Sendable>(_ exchange: Exchange<Output>, _ business: ClientBusiness) throws -> Output {
        var exchange = exchange
        while true {
            switch exchange {
            case .finish(let output): return output
            case .fail(let fault): throw fault
            case .send(let call, let then):
                var request = connector.prepare(call.request, for: business.facts)
                request.target = "/\(business.shop)\(request.target)"
                request.fields["X-Shopify-Access-Token"] = "shpat_sandbox_\(business.shop)"
                now = now + .seconds(10)
                calls += 1
                let response = twin.respond(request, at: now)
                let verdict = connector.judge(response, to: call)
                guard verdict == .accepted else {
                    Issue.record("\(verdict): \(String(decoding: response.body.prefix(600), as: UTF8.self))")
                    throw Fault("refused", stage: .sandbox, disposition: .bug, summary: "the twin refused a call")
                }
                let cost = try JSON(parsing: response.body).member("extensions", "cost", "requestedQueryCost")?.int
                #expect((cost ?? 1001) <= (call.cost["points"] ?? 0))
                exchange = then(response)
            }
        }
    }
}
