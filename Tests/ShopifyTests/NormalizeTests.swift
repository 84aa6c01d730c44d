import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Shopify

@Suite struct NormalizeTests {
    // MARK: The same story on both ways

    @Test("a webhook's order, payment, refund and cancellation are those of the swept order, versions included")
    func sameDocuments() throws {
        for (prefix, settings) in [("us", [:]), ("eur", [:]), ("eur", ["post_currency": "presentment"])] {
            let swept = try normalized("orders", try fixture("\(prefix)-order-node"), settings)
            let order = try normalized("orders/create", try fixture("\(prefix)-order-webhook"), settings)
            #expect(order.documents == [try #require(swept.sale)])
            #expect(order.fetch.isEmpty)
            let money = prefix == "us" ? "us-capture-webhook" : "eur-sale-webhook"
            let paid = try normalized("order_transactions/create", try fixture(money), settings).documents
            #expect(paid.count == 1)
            #expect(swept.payments.contains(paid[0]))
            let refund = try normalized("refunds/create", try fixture("\(prefix)-refund-webhook"), settings)
            // Of an order in two currencies the order's own word is the newer one.
            let newer: Int64 = prefix == "us" ? 0 : 1
            let told = refund.documents.map {
                SourceDocument(id: $0.id, caseID: $0.caseID, version: $0.version + newer, at: $0.at, body: $0.body)
            }
            #expect(told == swept.refunds)
            #expect(told.count == 1)
        }
        let swept = try normalized("orders", try fixture("cancelled-order-node"))
        let told = try normalized("orders/cancelled", try fixture("cancelled-order-webhook"))
        #expect(told.documents == [swept.sale, swept.cancellation].compactMap(\.self))
        #expect(told.documents.count == 2)
        let void = try normalized("order_transactions/create", try fixture("cancelled-void-webhook"))
        #expect(void.documents == [swept.payments[1]])
    }

    // MARK: Sales

    @Test("lines carry gross, all discounts spread on them, and each tax by jurisdiction")
    func sale() throws {
        let read = try normalized("orders/create", try fixture("us-order-webhook"))
        let document = try #require(read.sale)
        let sale = try #require(read.saleBody)
        #expect(document.id == "6120034117001")
        #expect(document.caseID == document.id)
        #expect(document.at == Timestamp(rfc3339: "2026-11-14T15:00:00Z"))
        #expect(document.version == Timestamp(rfc3339: "2026-11-14T15:00:09Z")?.microseconds)
        #expect(sale.number == "#2001")
        #expect(sale.source == "shop")
        #expect(sale.customer == "house")
        #expect(sale.total == usd("113.63"))
        #expect(sale.rate == nil)
        #expect(sale.tip == nil)
        let mug = sale.lines[0]
        #expect(mug.id == "15600100220101")
        #expect((mug.gross, mug.discount, mug.net) == (usd("60"), usd("6"), usd("54")))
        #expect(mug.taxes?.map(\.jurisdiction) == ["US-CO", "US-CO-JEFFERSON", "US-CO-LAKEWOOD"])
        #expect(mug.taxes?.map(\.amount) == [usd("1.57"), usd("0.27"), usd("1.62")])
        #expect(mug.taxes?.first?.rate == ExactDecimal("0.029"))
        #expect(sale.lines[1].giftCard)
        #expect(sale.lines[1].taxes == [])
        #expect(sale.shipping.map(\.discount) == [usd("2")])
        #expect(sale.shipping.map(\.net) == [usd("6")])
    }

    @Test("a shipping discount without allocations is the price less the discounted price")
    func shippingDiscount() throws {
        let body = try fixture("us-order-webhook").with("shipping_lines.0.discount_allocations", [])
        #expect(try normalized("orders/create", body).saleBody?.shipping.first?.discount == usd("2"))
        let node = try fixture("us-order-node").with("shippingLines.nodes.0.discountAllocations", [])
        #expect(try normalized("orders", node).saleBody?.shipping.first?.discount == usd("2"))
    }

    @Test("an order of a till is pos, with its tip; a marketplace keeps its name only where it collects the tax")
    func sources() throws {
        let till = try #require(try normalized("orders", try fixture("cancelled-order-node")).saleBody)
        #expect(till.source == "pos")
        #expect(till.tip == usd("2"))
        let base = try fixture("us-order-webhook").with("source_name", "Amazon")
        #expect(try normalized("orders/create", base).saleBody?.source == "shop")
        let liable = base.with("line_items.0.tax_lines.0.channel_liable", true)
        let sale = try #require(try normalized("orders/create", liable).saleBody)
        #expect(sale.source == "amazon")
        #expect(sale.lines[0].taxes?.map(\.channelLiable) == [true, false, false])
    }

    @Test("an online tip that is also a line counts once")
    func tipLine() throws {
        let tip: JSON = [
            "id": 77, "variant_id": .null, "title": "Tip", "quantity": 1, "price": "5.00", "gift_card": false,
            "tax_lines": [],
            "discount_allocations": [],
        ]
        let body = try fixture("us-order-webhook").with("total_tip_received", "5.00").without("total_tip_received_set")
            .changing(["line_items"]) { .array(($0.array ?? []) + [tip]) }
        let sale = try #require(try normalized("orders/create", body).saleBody)
        #expect(sale.tip == usd("5"))
        #expect(sale.lines.count == 2)
        let other = body.changing(["line_items", "2"]) { $0.with("title", "Tip jar") }
        #expect(try normalized("orders/create", other).saleBody?.lines.count == 3)
    }

    @Test("an order without any address has taxes without a place, unless the connection names one")
    func noAddress() throws {
        let node = try fixture("cancelled-order-node")
        #expect(try normalized("orders", node).saleBody?.lines[0].taxes?.first?.jurisdiction == nil)
        let placed = try normalized("orders", node, ["tax_place": "US-TX"])
        #expect(placed.saleBody?.lines[0].taxes?.first?.jurisdiction == "US-TX")
    }

    @Test("test orders and test transactions say nothing")
    func tests() throws {
        #expect(
            try normalized("orders/create", try fixture("us-order-webhook").with("test", true))
                == Normalized(documents: []))
        #expect(try normalized("orders", try fixture("us-order-node").with("test", true)) == Normalized(documents: []))
        let money = try fixture("us-capture-webhook").with("test", true)
        #expect(try normalized("order_transactions/create", money) == Normalized(documents: []))
        let refund = try fixture("us-refund-webhook").with("transactions.0.test", true)
        #expect(try normalized("refunds/create", refund) == Normalized(documents: []))
    }

    @Test("topics that sell nothing are no documents")
    func otherTopics() throws {
        #expect(try normalized("app/uninstalled", ["id": 1]) == Normalized(documents: []))
        #expect(try normalized("shop/redact", ["shop_id": 1]) == Normalized(documents: []))
    }

    // MARK: Currencies

    @Test("in shop currency nothing is converted; in presentment currency all amounts and the rate are")
    func currencies() throws {
        let body = try fixture("eur-order-webhook")
        let shop = try #require(try normalized("orders/create", body).saleBody)
        #expect(shop.currency == .gbp)
        #expect(shop.rate == nil)
        #expect(shop.total == Money("25.20", .gbp))
        #expect(shop.taxIncluded)
        #expect(shop.lines[0].taxes?.first?.jurisdiction == "DE")
        let shown = try #require(try normalized("orders/create", body, ["post_currency": "presentment"]).saleBody)
        #expect(shown.currency == .eur)
        #expect(shown.total == eur("30.24"))
        #expect(shown.lines[0].gross == eur("28.80"))
        #expect(shown.lines[0].taxes?.first?.amount == eur("4.80"))
        #expect(shown.rate == ExactDecimal("0.8333333333"))
        let money = try normalized(
            "order_transactions/create", try fixture("eur-sale-webhook"), ["post_currency": "presentment"])
        guard case .payment(let payment)? = money.documents.first?.body else {
            Issue.record("no payment")
            return
        }
        #expect(payment.amount == eur("30.24"))
        #expect(
            try normalized("orders/create", try fixture("us-order-webhook"), ["post_currency": "presentment"]).saleBody?
                .rate == nil)
    }

    @Test("the rate of an order of nothing comes from its prices, and there is none without prices")
    func rateOfNothing() throws {
        let zero: JSON = [
            "shop_money": ["amount": "0.00", "currency_code": "GBP"],
            "presentment_money": ["amount": "0.00", "currency_code": "EUR"],
        ]
        let settings = ["post_currency": "presentment"]
        let free = try fixture("eur-order-webhook").with("total_price", "0.00").with("total_price_set", zero)
        #expect(try normalized("orders/create", free, settings).saleBody?.rate == ExactDecimal("0.8333333333"))
        let bare = free.with("line_items.0.price_set", zero)
        let read = try #require(try normalized("orders/create", bare, settings).saleBody)
        #expect(read.rate == nil)
    }

    @Test("an amount that is not told in the wanted currency is never taken for another")
    func missingSide() throws {
        let body = try fixture("eur-order-webhook").without("line_items.0.price_set")
        let held = try #require(fault("orders/create", body, ["post_currency": "presentment"]))
        #expect(held.position == "line_items[0].price_set")
        #expect(try normalized("orders/create", body).saleBody?.lines[0].gross == Money("24.00", .gbp))
    }

    // MARK: Later bodies of an order

    @Test("an update tells the sale again, newer, and asks for nothing more while refunds explain what is gone")
    func update() throws {
        let placed = try fixture("us-order-webhook")
        let refund: JSON = ["refund_line_items": [["line_item_id": 15_600_100_220_101, "quantity": 1]]]
        let later = placed.with("updated_at", "2026-11-16T19:02:41Z").with("line_items.0.current_quantity", 2)
        let explained = try normalized("orders/updated", later.with("refunds", [refund]))
        #expect(explained.fetch.isEmpty)
        let (first, second) = (try #require(try normalized("orders/create", placed).sale), try #require(explained.sale))
        #expect(second.version > first.version)
        #expect(second.body == first.body)
        let unexplained = try normalized("orders/updated", later)
        #expect(unexplained.fetch == ["6120034117001"])
        #expect(unexplained.sale?.body == first.body)
        #expect(try normalized("orders/paid", placed).documents == [first])
    }

    @Test("an update that no longer shows the order as placed only asks for the order")
    func addedLine() throws {
        let read = try normalized("orders/updated", try fixture("edited-order-webhook"))
        #expect(read.documents.isEmpty)
        #expect(read.fetch == ["6120034117002"])
    }

    @Test("an edit's webhook only asks for its order")
    func edited() throws {
        let read = try normalized(
            "orders/edited", ["order_edit": ["id": 1, "order_id": 6_120_034_117_002, "line_items": [:]]])
        #expect(read == Normalized(documents: [], fetch: ["6120034117002"]))
        #expect(fault("orders/edited", ["order_edit": [:]])?.code == "unreadable_record")
    }

    @Test("a cancelled order says so in every later form")
    func cancelled() throws {
        let read = try normalized("orders/updated", try fixture("cancelled-order-webhook"))
        let note = try #require(read.cancellation)
        #expect(note.id == "6120034117004-cancelled")
        #expect(note.at == Timestamp(rfc3339: "2026-11-14T20:00:00Z"))
        #expect(note.version == note.at.microseconds)
        #expect(note.body == .cancellation(Cancellation(kind: .cancelled, reason: "customer")))
    }

    // MARK: Edits

    @Test("edits give the order as placed, a note each in order of time, and the money that went back")
    func edits() throws {
        let read = try normalized("orders", try fixture("edited-order-node"))
        let sale = try #require(read.saleBody)
        #expect(sale.lines.map(\.id) == ["15600100220201"])
        #expect(sale.lines[0].quantity == ExactDecimal(2))
        #expect(sale.total == usd("41.16"))
        #expect(read.edits.map(\.id) == ["6120034117002-edit-1", "6120034117002-edit-2"])
        guard case .edit(let up) = read.edits[0].body, case .edit(let down) = read.edits[1].body else {
            Issue.record("no edits")
            return
        }
        #expect(up.added.map(\.id) == ["15600100220202"])
        #expect(up.added.map(\.net) == [usd("15")])
        #expect(up.added.first?.discount == usd("0"))
        #expect(up.added.first?.taxes?.map(\.amount) == [usd("0.44")])
        #expect(up.orderTotal == usd("56.60"))
        #expect(down.removed.map(\.net) == [usd("20")])
        #expect(down.removed.first?.quantity == .one)
        #expect(down.removed.first?.taxes?.map(\.amount) == [usd("0.58")])
        #expect(down.orderTotal == usd("36.02"))
        #expect(down.transactions.map(\.amount) == [usd("20.58")])
        // The refund that carried the money is told as nothing, so that it is known.
        #expect(read.refunds.map(\.id) == ["939100200201"])
        #expect(read.refundBody?.transactions == [])
        #expect(read.refundBody?.total == usd("0"))
    }

    @Test("money back without goods or discrepancy is not taken for goodwill from a webhook: the order is asked for")
    func editMoneyByWebhook() throws {
        let read = try normalized("refunds/create", try fixture("edited-refund-webhook"))
        #expect(read == Normalized(documents: [], fetch: ["6120034117002"]))
    }

    @Test(
        "a refund that only repeats an edit's removed units is not counted again, and what a webhook said of it is taken back"
    )
    func toldTwice() throws {
        let line: JSON = [
            "id": "gid://shopify/RefundLineItem/1", "quantity": 1, "restockType": "CANCEL",
            "lineItem": ["id": "gid://shopify/LineItem/15600100220201"],
            "subtotalSet": ["shopMoney": ["amount": "20.0"]], "totalTaxSet": ["shopMoney": ["amount": "0.58"]],
        ]
        let node = try fixture("edited-order-node").with("refunds.0.refundLineItems.nodes", [line])
        let read = try normalized("orders", node)
        #expect(read.refunds.map(\.id) == ["939100200201"])
        #expect(read.refundBody?.lines == [])
        #expect(read.refundBody?.total == usd("0"))
        guard case .edit(let down) = read.edits[1].body else {
            Issue.record("no edit")
            return
        }
        #expect(down.transactions.map(\.amount) == [usd("20.58")])
        // The unit still there is refunded later: that is a refund of its own.
        let genuine = try normalized("orders", node.with("lineItems.nodes.0.currentQuantity", 0))
        #expect(genuine.refundBody?.lines.map(\.net) == [usd("20")])
    }

    @Test("units added to a line that was there are taken out of the order as placed")
    func moreOfALine() throws {
        let base = try fixture("edited-order-node")
        let sale: JSON = try #require(base.member("agreements", "nodes")?[1]?.member("sales", "nodes")?[0])
            .with("quantity", 1).with("totalAmount", ["shopMoney": ["amount": "20.58"]])
            .with("totalTaxAmount", ["shopMoney": ["amount": "0.58"]])
        let read = try normalized("orders", base.with("agreements.nodes.1.sales.nodes.0", sale))
        #expect(read.saleBody?.lines.first?.quantity == .one)
        #expect(read.saleBody?.lines.first?.net == usd("20"))
        #expect(read.saleBody?.lines.first?.taxes?.map(\.amount) == [usd("0.58")])
        guard case .edit(let up) = read.edits[1].body else {
            Issue.record("no edit")
            return
        }
        #expect(up.added.first?.net == usd("20"))
        #expect(up.added.first?.id == "15600100220201")
    }

    @Test("a record whose edits or refunds came without their parts asks for the order instead of guessing")
    func cutShort() throws {
        let edits = try fixture("edited-order-node").without("agreements.nodes.1.sales")
        #expect(try normalized("orders", edits) == Normalized(documents: [], fetch: ["6120034117002"]))
        let refunds = try fixture("us-order-node").with("refunds", [["id": "gid://shopify/Refund/1"]])
        #expect(try normalized("orders", refunds) == Normalized(documents: [], fetch: ["6120034117001"]))
    }
}
