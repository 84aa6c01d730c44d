@testable import Courier
import Kernel
import Testing

@Suite("Token refresh: the machine")
struct TokenRefreshTests {
    private let fault = Fault("x", stage: .courier, disposition: .retry, summary: "x")

    private func set(_ n: Int) -> Credential { Bench.credential(n) }
    private func row(_ version: Int, _ n: Int, before: Int? = nil) -> TokenRefresh.Row {
        .init(version: version, credential: set(n), before: before.map { set($0) })
    }

    /// Holds set 0 of version 1.
    private func holding() -> TokenRefresh {
        var machine = TokenRefresh()
        machine.adopt(row(1, 0))
        return machine
    }

    @Test("reads, trades, saves, and only then the new set is held")
    func plain() {
        var machine = holding()
        #expect(machine.renew(used: 1) == .read)
        #expect(machine.received(.row(row(1, 0))) == .exchange(refresh: Secret("hush-r0"), from: set(0)))
        #expect(machine.received(.issued(set(1))) == .save(set(1), expecting: 1))
        #expect(machine.held?.credential == set(0))
        #expect(machine.received(.saved(version: 2)) == .end(.inForce))
        #expect(machine.held == .init(credential: set(1), version: 2, unproven: true, fresh: true))
        #expect(machine.unsaved == nil)
    }

    @Test("whoever used an older version than the one held has nothing to renew")
    func overtaken() {
        var machine = holding()
        machine.adopt(row(2, 5))
        #expect(machine.renew(used: 1) == .end(.inForce))
        #expect(machine.bury(used: 1) == .end(.inForce))
    }

    @Test("a newer row is taken over instead of trading")
    func newer() {
        var machine = holding()
        _ = machine.renew(used: 1)
        #expect(machine.received(.row(row(2, 7))) == .end(.inForce))
        #expect(machine.held?.credential == set(7))
    }

    @Test("an older row never takes the place of a newer one")
    func older() {
        var machine = holding()
        machine.adopt(row(3, 3))
        machine.adopt(row(2, 2))
        machine.adopt(row(3, 9))
        #expect(machine.held?.credential == set(3))
    }

    @Test("the refresh token of the set before is tried when the newer one is refused, and no token twice")
    func before() {
        var machine = holding()
        _ = machine.renew(used: 1)
        #expect(machine.received(.row(row(1, 0, before: 9))) == .exchange(refresh: Secret("hush-r0"), from: set(0)))
        #expect(machine.received(.refused) == .exchange(refresh: Secret("hush-r9"), from: set(0)))
        #expect(machine.received(.refused) == .wait(TokenRefresh.rest))
        var same = holding()
        _ = same.renew(used: 1)
        _ = same.received(.row(row(1, 0, before: 0)))
        #expect(same.received(.refused) == .wait(TokenRefresh.rest))
    }

    @Test("a grant is dead only when all is refused and the row is the same after a rest")
    func dead() {
        var machine = holding()
        _ = machine.renew(used: 1)
        _ = machine.received(.row(row(1, 0)))
        #expect(machine.received(.refused) == .wait(TokenRefresh.rest))
        #expect(machine.received(.waited) == .read)
        #expect(machine.received(.row(row(1, 0))) == .end(.dead(version: 1)))
        #expect(machine.isDead)
        machine.adopt(row(2, 4))
        #expect(!machine.isDead)
    }

    @Test("somebody else's new set during the rest is taken over")
    func rescued() {
        var machine = holding()
        _ = machine.renew(used: 1)
        _ = machine.received(.row(row(1, 0)))
        _ = machine.received(.refused)
        _ = machine.received(.waited)
        #expect(machine.received(.row(row(2, 6))) == .end(.inForce))
        #expect(machine.held?.credential == set(6))
        #expect(!machine.isDead)
    }

    @Test("a set that could not be saved is kept, not used, and saved first the next time")
    func unsaved() {
        var machine = holding()
        _ = machine.renew(used: 1)
        _ = machine.received(.row(row(1, 0)))
        var action = machine.received(.issued(set(1)))
        for _ in 1 ..< TokenRefresh.savesMost {
            #expect(action == .save(set(1), expecting: 1))
            #expect(machine.received(.failed(fault)) == .read)
            #expect(machine.received(.row(row(1, 0))) == .wait(TokenRefresh.savePause))
            action = machine.received(.waited)
        }
        #expect(machine.received(.failed(fault)) == .read)
        #expect(machine.received(.failed(fault)) == .end(.failed(fault)))
        #expect(machine.held?.credential == set(0))
        #expect(machine.unsaved == .init(credential: set(1), base: 1))
        #expect(machine.renew(used: 1) == .read)
        #expect(machine.received(.row(row(1, 0))) == .save(set(1), expecting: 1))
        #expect(machine.received(.saved(version: 2)) == .end(.inForce))
    }

    @Test("a save whose answer was lost is recognised in the row")
    func unanswered() {
        var machine = holding()
        _ = machine.renew(used: 1)
        _ = machine.received(.row(row(1, 0)))
        _ = machine.received(.issued(set(1)))
        _ = machine.received(.failed(fault))
        #expect(machine.received(.row(row(2, 1, before: 0))) == .end(.inForce))
        #expect(machine.held == .init(credential: set(1), version: 2, unproven: true, fresh: true))
        #expect(machine.unsaved == nil)
    }

    @Test("a set that could not be saved is given up when a person connected since")
    func givenUp() {
        var machine = holding()
        _ = machine.renew(used: 1)
        _ = machine.received(.row(row(1, 0)))
        _ = machine.received(.issued(set(1)))
        _ = machine.received(.failed(fault))
        _ = machine.received(.failed(fault))
        machine.adopt(row(2, 8))
        #expect(machine.unsaved == nil)
        // The wait before the next try to save was under way.
        #expect(machine.received(.waited) == .end(.inForce))
        #expect(machine.held?.credential == set(8))
    }

    @Test("a save is expected on the version that the set was made from, whatever was adopted meanwhile")
    func expecting() {
        var machine = holding()
        _ = machine.renew(used: 1)
        _ = machine.received(.row(row(1, 0)))
        machine.adopt(row(2, 8))
        #expect(machine.received(.issued(set(1))) == .save(set(1), expecting: 1))
        #expect(machine.received(.failed(fault)) == .read)
        #expect(machine.received(.row(row(2, 8))) == .end(.inForce))
        #expect(machine.held?.credential == set(8))
        #expect(machine.unsaved == nil)
    }

    @Test("a database that lost a confirmed commit gets the set again")
    func restored() {
        var machine = holding()
        machine.adopt(row(5, 5))
        _ = machine.renew(used: 5)
        #expect(machine.received(.row(row(4, 4))) == .save(set(5), expecting: 4))
        #expect(machine.received(.saved(version: 5)) == .end(.inForce))
        #expect(machine.held?.credential == set(5))
    }

    @Test("the same version with another set is another set")
    func replaced() {
        var machine = holding()
        _ = machine.renew(used: 1)
        #expect(machine.received(.row(row(1, 6))) == .end(.inForce))
        #expect(machine.held?.credential == set(6))
    }

    @Test("without a refresh token there is nothing to trade")
    func fixed() {
        var machine = TokenRefresh()
        let fixed = Credential(accessToken: Secret("hush-key"))
        machine.adopt(.init(version: 1, credential: fixed, before: nil))
        _ = machine.renew(used: 1)
        #expect(machine.received(.row(.init(version: 1, credential: fixed, before: nil))) == .end(.dead(version: 1)))
    }

    @Test("a connection that is gone, or has no credential, is no dead one")
    func gone() {
        var machine = holding()
        _ = machine.renew(used: 1)
        #expect(machine.received(.row(nil)) == .end(.failed(TokenRefresh.unknownConnection)))
        #expect(machine.held == nil)
        var empty = holding()
        _ = empty.renew(used: 1)
        #expect(empty.received(.row(.init(version: 2, credential: nil, before: nil))) == .end(.failed(TokenRefresh.notConnected)))
        #expect(!empty.isDead)
    }

    @Test("a token is renewed within the margin of its end, exactly")
    func stale() {
        let now = Timestamp(seconds: 1000)
        func stale(_ expires: Timestamp?, access: String = "a", refresh: String? = "r") -> Bool {
            var machine = TokenRefresh()
            machine.adopt(.init(version: 1, credential: .init(accessToken: Secret(access), refreshToken: refresh.map { Secret($0) }, expiresAt: expires), before: nil))
            return machine.isStale(at: now, margin: .seconds(60))
        }
        #expect(!stale(Timestamp(seconds: 1060)))
        #expect(stale(Timestamp(microseconds: 1_059_999_999)))
        #expect(!stale(nil))
        #expect(stale(nil, access: ""))
        #expect(!stale(Timestamp(seconds: 1), refresh: nil))
    }
}
