import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Shopify
import Testing
import TwinKit
import Wire

@testable import Sandbox

/// The connector tells a shop what the ledger has of its orders; both were written apart.
@Suite("Shopify is told what the ledger has") struct ReflectTests {
    private final class Shop {
        let front: ShopFront
        let order: String
        /// How often it is asked; the clock of the shop stands still unless a test moves it.
        var now = Timestamp(seconds: 1_794_700_000)
        var answer: (Call, HTTPResponse) -> HTTPResponse = { $1 }

        init() async throws {
            front = try ShopFront(seed: 5, orders: 40)
            _ = try await front.webhooks()
            order = "\(try #require(front.days.first { $0.shop == "prairie-goods" }).events[0].orderID)"
        }

        func state(_ state: ReflectedState.State, _ number: Int, key: String = "0123456789abcdef") throws -> ReflectedState {
            let currency = try #require(Currency("USD"))
            return ReflectedState(
                key: try #require(PostKey(key)), number: number, subject: order, caseID: order, form: .invoice, reference: "order 1042", ledger: "Xero",
                remoteID: "1", state: state, total: Money(minor: 6_689, currency), paid: nil, date: try #require(LocalDate("2026-11-14")))
        }

        func tell(_ state: ReflectedState) throws -> (end: Ended<PostOutcome>, calls: [Call]) {
            let exchange = try #require(front.connector.reflect(state, attempt: "a", ConnectionFacts(account: "prairie-goods")))
            return front.connector.drive(exchange) { answer($0, ask($0.request)) }
        }

        func ask(_ request: HTTPRequest) -> HTTPResponse {
            var request = request
            request.target = "/prairie-goods" + request.target
            request.fields["X-Shopify-Access-Token"] = "shpat_sandbox_prairie-goods"
            return front.twin.respond(request, at: now)
        }

        /// What stands beside the order.
        var lines: [String] {
            get throws {
                let field = front.twin.state.with { $0.metafield("prairie-goods", Int64(order) ?? 0, "counterfoil", "ledger") }
                return (field?.value ?? "").split(separator: "\n").map(String.init)
            }
        }
    }

    @Test("each document has one line, its last state, however often it is told") func told() async throws {
        let shop = try await Shop()
        #expect(try shop.tell(try shop.state(.posted, 1)).calls.count == 2)
        #expect(try shop.tell(try shop.state(.posted, 1)).calls.count == 1)
        _ = try shop.tell(try shop.state(.posted, 1, key: "fedcba9876543210"))
        guard case .posted? = try shop.tell(try shop.state(.voided, 2)).end.output else { return #expect(Bool(false)) }
        #expect(try shop.lines.map { $0.hasSuffix("is void there. [counterfoil:0123456789abcdef.2]") } == [true, false])
        #expect(try shop.lines.count == 2)
    }

    @Test("an answer that got lost after the write is found, not written again; one that got lost before it is written then") func lost() async throws {
        let shop = try await Shop()
        shop.answer = { call, answer in call.kind == .write ? HTTPResponse(502) : answer }
        guard case .outcomeUnknown? = try shop.tell(try shop.state(.posted, 1)).end.verdict else { return #expect(Bool(false)) }
        shop.answer = { $1 }
        let again = try shop.tell(try shop.state(.posted, 1))
        #expect(again.calls.map(\.kind) == [.read] && again.end.output != nil)
        #expect(try shop.lines.count == 1)
    }

    @Test("a write that comes late, after a later state was told, changes nothing") func late() async throws {
        let shop = try await Shop()
        var held: HTTPRequest?
        shop.answer = { call, answer in
            if call.kind == .write { held = call.request }
            return answer
        }
        _ = try shop.tell(try shop.state(.posted, 1))
        _ = try shop.tell(try shop.state(.edited, 2))
        let lateWrite = try #require(held)
        _ = try shop.tell(try shop.state(.voided, 3))
        var request = lateWrite
        request.target = "/prairie-goods" + request.target
        request.fields["X-Shopify-Access-Token"] = "shpat_sandbox_prairie-goods"
        let answer = shop.front.twin.respond(request, at: shop.now)
        #expect(answer.bodyText.contains("STALE_OBJECT"))
        #expect(try shop.lines.map { $0.hasSuffix(".3]") } == [true])
    }

    @Test("a bucket that is empty throttles inside a 200, nothing is written, and the wait that it names is enough") func throttled() async throws {
        let shop = try await Shop()
        shop.front.twin.state.with { state in _ = state.graph["prairie-goods"]?.take(1_995, at: shop.now) }
        // As the courier does: the same call again, after just the wait that was named.
        var waits = 0
        shop.answer = { call, answer in
            guard case .throttled(let after?, "points") = shop.front.connector.judge(answer, to: call) else { return answer }
            waits += 1
            shop.now = shop.now + after
            return shop.ask(call.request)
        }
        #expect(try shop.tell(try shop.state(.posted, 1)).end.output != nil)
        #expect(waits > 0)
        #expect(try shop.lines.count == 1)
    }

    @Test("what the shop says of the order afterwards is what it said before: no document says anything new") func echo() async throws {
        let shop = try await Shop(), business = try shop.front.business("prairie-goods")
        let before = try shop.front.fetch(shop.order, business)
        shop.now = shop.now + .seconds(86_400)
        _ = try shop.tell(try shop.state(.posted, 1))
        let after = try shop.front.fetch(shop.order, business)
        #expect(before.count == after.count && !before.isEmpty)
        for (one, two) in zip(before, after) { #expect(one.id == two.id && one.body == two.body) }
        #expect(zip(before, after).contains { $0.version < $1.version })
    }
}
