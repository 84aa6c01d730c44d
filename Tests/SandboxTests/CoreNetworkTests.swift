import HTTPClient
import HTTPServer
import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

@Suite("The sandbox over the network")
struct CoreNetworkTests {
    /// A receiver of webhooks: checks each signature, and says when the expected number is there.
    private final class Receiver: Sendable {
        let targets = Locked<[String: Int]>([:])
        let forged = Locked(0)
        let done: AsyncStream<Void>
        private let signal: AsyncStream<Void>.Continuation
        private let wanted: Int

        init(wanted: Int) {
            self.wanted = wanted
            (done, signal) = AsyncStream<Void>.makeStream()
        }

        func receive(_ request: HTTPRequest) -> HTTPResponse {
            let shop = request.target.hasSuffix("prairie-goods") ? "prairie-goods" : "thames-pottery"
            let signature = ShopWebhook.signature(of: request.body, secret: "shpss_sandbox_\(shop)")
            if request.fields["X-Shopify-Hmac-Sha256"] != signature { forged.with { $0 += 1 } }
            let total = targets.with { targets in
                targets[request.target, default: 0] += 1
                return targets.values.reduce(0, +)
            }
            if total == wanted { signal.finish() }
            return HTTPResponse(200)
        }
    }

    /// How many deliveries the day leads to: every webhook once, duplicates twice, lost ones never.
    private func deliveries(seed: UInt64, orders: Int) throws -> Int {
        let twin = try ShopifyTwin(journal: TwinJournal())
        return try DayGenerator(seed: seed, orders: orders).day().reduce(0) { sum, day in
            let losable = ![DayRole.garden, .editUp, .editDown].contains(day.role)
            return sum
                + day.events.flatMap { twin.apply($0) }.reduce(0) { sum, webhook in
                    switch DeliveryFate(webhook, losable: losable) {
                    case .lost: sum
                    case .duplicated: sum + 2
                    case .delivered, .overtaken: sum + 1
                    }
                }
        }
    }

    @Test("a prepared day is played over real sockets, signed, and judged against empty ledgers")
    func wholeDay() async throws {
        let folder = TemporaryFolder()
        let receiver = Receiver(wanted: try deliveries(seed: 3, orders: 40))
        let intake = try HTTPServer(HTTPServerConfiguration()) { request, _ in receiver.receive(request) }
        let sandbox = try Sandbox.make(folder: folder.path + "/deep/er", port: 0)
        let client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(sandbox.port)"]))
        let base = "http://127.0.0.1:\(sandbox.port)/_sandbox"
        func call(_ method: HTTPMethod, _ path: String, _ body: String = "") async throws -> JSON {
            let outcome = await client.send(
                HTTPRequest(method, base + path, body: Array(body.utf8)), timeout: .seconds(120))
            return try JSON(parsing: try #require(outcome.response).body)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await intake.run() }
            group.addTask { try await sandbox.run() }
            #expect(try await call(.get, "/healthz")["status"]?.string == "ok")
            _ = try await call(.post, "/day/prepare", #"{"seed":3,"orders":40}"#)
            #expect(try await call(.post, "/day/noon")["inactive_account"]?.string == "4030")
            let play = #"{"until":"end","webhook_base":"http://127.0.0.1:\#(intake.port)"}"#
            #expect(try await call(.post, "/day/play", play)["phase"]?.string == "playing")
            for await _ in receiver.done {}
            let verdict = try await call(.get, "/verdict")
            #expect(verdict["clean"]?.bool == false)
            #expect(verdict["doubled"]?.int == 0)
            #expect(verdict["unexpected"]?.int == 0)
            #expect(
                verdict["lost"]?.int == (verdict.member("expected", "qbo")?.int ?? 0)
                    + (verdict.member("expected", "xero")?.int ?? 0))
            #expect(verdict["lost"]?.int ?? 0 > 40)
            #expect(try await call(.get, "/entries?ledger=qbo")["entries"]?.array?.isEmpty == true)
            group.cancelAll()
            while let result = await group.nextResult() {
                // Services end by cancellation.
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
        #expect(receiver.forged.with { $0 } == 0)
        #expect(
            Set(receiver.targets.with { $0 }.keys) == ["/hooks/shopify/prairie-goods", "/hooks/shopify/thames-pottery"])
        await client.shutdown()
    }
}
