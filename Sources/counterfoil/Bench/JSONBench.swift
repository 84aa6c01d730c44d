internal import Books
internal import Catalog
internal import ConnectorKit
internal import Kernel
internal import Mapping
internal import Wire

/// A 6 KB order: parsed with every field read that a connector reads; and the whole way to the stored document.
enum JSONBench: Bench {
    static let name = "json"
    static let summary = "6 KB orders parsed, and parsed + normalised + mapped + serialised; against orjson and a byte scan in C"

    private static let documents = 256
    static let wholePerSecond: Double = 40_000

    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar] {
        let orders = SampleOrders.bodies(documents)
        let file = "\(workbench.folder)/orders.jsonl"
        let lines: [UInt8] = Array(orders.joined(separator: [10]))
        try write(lines + [10], to: file)
        workbench.tell("  \(orders.count) orders of \(lines.count / orders.count) bytes")
        let scan = try await workbench.ceiling("scan")
        let python = try await workbench.python(["orjson"])
        let way = try Way()
        var rounds = Rounds()
        for _ in 0 ..< workbench.rounds {
            rounds.add("scan", try await workbench.figure("documents_per_second", scan, [file, "\(workbench.seconds)"]))
            rounds.add("orjson", try await workbench.figure("documents_per_second", python, ["\(workbench.sources)/orjson_read.py", file, "\(workbench.seconds)"]))
            rounds.add("parse", try rate(orders, Double(workbench.seconds)) { (order) throws(Fault) in try OrderReading.check(order) })
            rounds.add("whole", try rate(orders, Double(workbench.seconds)) { (order) throws(Fault) in try way.walk(order) })
        }
        return [
            .ahead("parse", of: "orjson", rounds, ours: "parse", ceiling: "scan", unit: "documents/s"),
            .atLeast("whole", wholePerSecond, rounds, ours: "whole", ceiling: "scan", unit: "documents/s"),
        ]
    }

    /// Documents a second of one core.
    static func rate(_ orders: [[UInt8]], _ seconds: Double, _ work: ([UInt8]) throws(Fault) -> Void) throws(Fault) -> Double {
        for order in orders { try work(order) }
        var count = 0
        let began = coreSeconds()
        var now = began
        while now < began + seconds {
            for order in orders { try work(order) }
            count += orders.count
            now = coreSeconds()
        }
        return Double(count) / (now - began)
    }
}

/// What the Shopify connector reads of an order, and the sum it must come to. `ops/bench/orjson_read.py` reads the same.
enum OrderReading {
    static func check(_ bytes: [UInt8]) throws(Fault) {
        let root = try JSONDocument(parsing: bytes).root
        var texts = 0
        for key: StaticString in ["name", "currency", "presentment_currency", "created_at", "processed_at", "updated_at", "cancelled_at", "cancel_reason", "source_name", "po_number"] {
            if let text = root[key].string { texts += text.utf8.count }
        }
        let address = root["shipping_address"].isNull ? root["billing_address"] : root["shipping_address"]
        for key: StaticString in ["country_code", "province_code"] { texts += address[key].string?.utf8.count ?? 0 }
        guard texts > 0, root["id"].int != nil, root["taxes_included"].bool == false, root["tax_exempt"].bool == false, root["test"].bool == false,
            root["refunds"].elements.isEmpty, minor(root["total_tip_received"]) == 0, minor(root["total_line_items_price"]) > 0
        else { throw wrong }
        var sum: Int64 = 0
        for line in root["line_items"].elements {
            guard line["id"].int != nil, line["title"].string != nil, line["sku"].string != nil, let quantity = line["quantity"].int,
                line["current_quantity"].int == quantity, line["gift_card"].bool == false, !line["variant_id"].isNull
            else { throw wrong }
            sum += minor(line["price_set"]["shop_money"]["amount"]) * Int64(quantity)
            for part in line["discount_allocations"].elements { sum -= minor(part["amount_set"]["shop_money"]["amount"]) }
            sum += try taxes(line)
        }
        for line in root["shipping_lines"].elements {
            guard line["id"].int != nil, line["title"].string != nil, line["discount_allocations"].elements.isEmpty else { throw wrong }
            sum += minor(line["price_set"]["shop_money"]["amount"])
            sum += try taxes(line)
        }
        guard sum == minor(root["total_price_set"]["shop_money"]["amount"]) else { throw wrong }
    }

    private static func taxes(_ line: JSONView) throws(Fault) -> Int64 {
        var sum: Int64 = 0
        for tax in line["tax_lines"].elements {
            guard tax["title"].string != nil, tax["rate"].decimal != nil, tax["channel_liable"].bool == false else { throw wrong }
            sum += minor(tax["price_set"]["shop_money"]["amount"])
        }
        return sum
    }

    private static func minor(_ view: JSONView) -> Int64 { view.decimal.flatMap { Money($0, .usd) }?.minor ?? -1 }

    private static let wrong = Fault("bench_sum_wrong", stage: .wire, disposition: .bug, summary: "a sample order's parts do not come to its total")
}

/// A record's way from its bytes to the bytes that are stored, as the worker goes it.
struct Way {
    private let connector: any SourceConnector
    private let facts = ConnectionFacts(account: "prairie-goods")
    private let mapper: Mapper
    private let zone: Zone

    init() throws(Fault) {
        guard let connector = Catalog.byID["shopify"] as? any SourceConnector else {
            throw Fault("no_connector", stage: .configuration, disposition: .bug, summary: "the catalog has no Shopify connector")
        }
        self.connector = connector
        zone = try Zone.named("America/Denver")
        let structure = AccountStructure(
            version: 1, accounts: [("sales:homeware", "4010"), ("sales:stationery", "4020"), ("sales:*", "4030"), ("tax_payable:*", "2200"), ("receivable:*", "1200")],
            taxCodes: [], houseCustomer: "Shop customers")
        let rules = RuleSet(
            version: 1,
            rules: [
                Rule(name: "stationery", when: [.sku: "SKU-10*"], set: [.group: "stationery"]), Rule(name: "garden", when: [.sku: "SKU-11*"], set: [.group: "garden"]),
                Rule(name: "apparel", when: [.title: "*apron*"], set: [.group: "apparel"]), Rule(name: "homeware", when: [.sku: "*"], set: [.group: "homeware"]),
            ], reasonCodes: ["damaged"])
        mapper = Mapper(structure: structure, rules: rules, accounts: [("4010", "1", "Homeware sales", true)])
    }

    func walk(_ body: [UInt8]) throws(Fault) {
        let said = try connector.normalize(RawRecord(topic: "orders/create", deliveryID: "d", body: body), facts)
        guard !said.documents.isEmpty else { throw Fault("bench_sum_wrong", stage: .normalize, disposition: .bug, summary: "a sample order gave no document") }
        for document in said.documents {
            let mapped = mapper.classify(document, on: zone.date(of: document.at))
            guard DocumentCodec.bytes(of: mapped.body).count > 100 else { throw Fault("bench_sum_wrong", stage: .map, disposition: .bug, summary: "a document was written as nothing") }
        }
    }
}
