internal import Kernel
internal import TwinKit
internal import Wire

/// Trade at the businesses of `tenants/mixed`.
extension SandboxService {
    /// `{"seed": 7, "count": 20}` lets twenty more things happen; `{"close": true}` pays out. The first call's seed counts.
    func trade(_ body: JSON) throws(Fault) -> JSON {
        let now = clocks.now() + skew.with { $0 }
        let twins = Dictionary(uniqueKeysWithValues: sources.map { ($0.name, $0.twin) })
        let outcome: Result<Int, Fault> = trading.with { world in
            var next = world ?? TradeWorld(seed: UInt64(body["seed"]?.int ?? 1))
            defer { world = next }
            do throws(Fault) {
                for _ in 0 ..< min(body["count"]?.int ?? 0, 1000) { try next.step(twins, at: now) }
                if body["close"]?.bool == true { try next.close(twins, at: now) }
            } catch { return .failure(error) }
            return .success(next.entries.count)
        }
        courier.wake()
        return .object([("documents", .number("\(try outcome.get())"))])
    }

    func tradeVerdict() throws(Fault) -> JSON {
        guard let world = trading.with({ $0 }) else {
            throw Fault(
                "day_not_prepared", stage: .sandbox, disposition: .reject, summary: "there is nothing expected to judge by",
                remedy: "Let something happen first: POST /_sandbox/trade.")
        }
        var paidOut: [String: Int64] = [:]
        for business in TradeBusiness.allCases where business.isPaidOut && paidOut[business.source] == nil {
            let money = try source(business.source).expectedMoney().filter { $0.kind == .payout || $0.kind == .payoutReversal }
            paidOut[business.source] = -money.reduce(Int64(0)) { $0 + $1.minor }
        }
        var books = Dictionary(uniqueKeysWithValues: ledgers.map { ($0.name, $0.twin.entries()) })
        books[TradeBusiness.paper] = papers.with { $0 }
        return TradeJudge(expected: world.entries, books: books, paidOut: paidOut).verdict()
    }

    /// `{"csv": "…"}`: somebody brings a file of journals to a ledger that has no API; with `account`, one of that account's bank rows. Brought twice, all of
    /// it stands there twice.
    func bring(_ body: JSON) throws(Fault) -> JSON {
        let csv = body["csv"]?.string ?? ""
        let known = trading.with { $0?.entries.filter { $0.business.ledger == TradeBusiness.paper }.map(\.reference) } ?? []
        let brought = if let account = body["account"]?.string { try PaperJournal.readBankRows(csv, of: account, known: known) } else { try PaperJournal.read(csv) }
        let all = papers.with { papers in
            papers += brought
            return papers.count
        }
        return .object([("journals", .number("\(brought.count)")), ("all", .number("\(all)"))])
    }
}
