import Books
import ConnectorKit
import Kernel
import Returns
import Testing
import TwinKit
import TwinReturns
import Wire

@testable import Sandbox

/// The day's returns in both returns systems, and the connectors that read them, without a network between.
final class ReturnsCounter {
    let loop: ReturnsTwin
    let afterShip: ReturnsTwin
    private var now = Timestamp(seconds: 1_794_700_000)

    init(_ generator: DayGenerator, _ day: [DayOrder]) throws {
        loop = try ReturnsTwin(.loop, journal: TwinJournal())
        afterShip = try ReturnsTwin(.aftership, journal: TwinJournal())
        for back in try DayReturns.all(generator, day) {
            for step in back.steps { _ = try (back.system == "loop" ? loop : afterShip).happen(step.happening, at: step.at) }
        }
    }

    /// What a sweep of the business's returns system leads to.
    func documents(of business: ClientBusiness) throws -> [SourceDocument] {
        let facts = try #require(business.returns), connector = ReturnsConnector(business.isAmerican ? .loop : .afterShip)
        var out: [SourceDocument] = []
        var cursor: String?
        repeat {
            let page = try run(connector.sweep(since: Timestamp(seconds: 1_793_000_000), cursor: cursor, facts), connector, facts)
            for record in page.records { out += try connector.normalize(record, facts).documents }
            cursor = page.next
        } while cursor != nil
        return out
    }

    private func run<Output: Sendable>(_ exchange: Exchange<Output>, _ connector: ReturnsConnector, _ facts: ConnectionFacts) throws -> Output {
        var exchange = exchange
        while true {
            switch exchange {
            case .finish(let output): return output
            case .fail(let fault): throw fault
            case .send(let call, let then):
                var request = connector.prepare(call.request, for: facts)
                let isLoop = connector.platform == .loop
                request.fields[isLoop ? "X-Authorization" : "as-api-key"] = ReturnsTwin.key(of: facts.account)
                now = now + .seconds(1)
                let response = (isLoop ? loop : afterShip).respond(request, at: now)
                try #require(connector.judge(response, to: call) == .accepted, "\(response.bodyText)")
                exchange = then(response)
            }
        }
    }
}
