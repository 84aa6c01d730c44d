import FoundationEssentials
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

/// Each on a database of its own: whoever looks for alerts looks over all tenants.
@Suite("Alerts in the database", .timeLimit(.minutes(2))) struct AlertTests {
    private func alert(_ key: String, _ cause: String = "c") -> AlertRow { AlertRow(key: key, severity: .warning, cause: cause, remedy: "r") }

    private func standing(_ house: House) async throws -> [StandingAlert] {
        try await house.supervisor.transaction { tx throws(Fault) in try await tx.standingAlerts() }
    }

    private func survey(_ house: House) async throws -> [AlertFact] {
        try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }
    }

    /// A posting of the house's flow.
    private func posting(_ house: House, _ n: Int, state: String, findings: String = "[]", fault: String? = nil) async throws {
        let key = String(repeating: "0", count: 16 - "\(n)".count) + "\(n)"
        try await house.owner.query("""
            INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference, ledger_date, currency,
              total_minor, findings, fault)
            VALUES (\(house.tenant), \(key), \(house.flow), \(house.ledger), 'O-1', 'O-1', 'invoice', 'post', \(state), '{}', 'x', 'r', '2026-11-02', 'USD', 1,
              \(findings)::jsonb, \(fault)::jsonb)
            """)
    }

    private func finding(_ check: String, _ why: String) -> String { #"[{"check": "\#(check)", "why": "\#(why)", "remedy": "mend it"}]"# }

    @Test("raised again while open it counts up in the same episode; after its end it opens anew, unacknowledged, as the same row")
    func episodes() async throws {
        try await House.with { house async throws in
            try await house.worker.raise(house.tenant, [alert("held/f/x")])
            try await house.worker.raise(house.tenant, [alert("held/f/x", "newer")])
            var row = try #require(try await standing(house).first)
            #expect(row.hits == 2 && row.episode == 1 && row.cause == "newer" && row.isOpen && row.items == nil && row.count == 2)
            _ = try await house.supervisor.pool.query(AdminAlertStatements.acknowledge(house.tenant, row.id, by: "key ann", note: nil))
            try await house.worker.raise(house.tenant, [alert("held/f/x")])
            #expect(try await standing(house).first?.isAcknowledged == true, "more of the same is no news")
            try await house.supervisor.transaction { [row = try await standing(house)] tx throws(Fault) in try await tx.resolveAlerts(row) }
            #expect(try await standing(house).isEmpty, "nobody was told, so nobody is waiting")
            try await house.worker.raise(house.tenant, [alert("held/f/x")])
            let before = row.id
            row = try #require(try await standing(house).first)
            #expect(row.id == before && row.episode == 2 && row.hits == 4 && !row.isAcknowledged && row.firstAt < row.openedAt)
        }
    }

    @Test("what is counted again changes figures and words of what is open only; what was raised in between is not resolved")
    func races() async throws {
        try await House.with { house async throws in
            let seen = SeenAlert(tenant: house.tenant, row: alert("held/f/x", "300 documents"), items: 300)
            try await house.supervisor.transaction { tx throws(Fault) in
                try await tx.refreshAlerts([seen])
                try await tx.openAlerts([seen])
            }
            let row = try #require(try await standing(house).first)
            #expect(row.items == 300 && row.count == 300 && row.cause == "300 documents")
            try await house.worker.raise(house.tenant, [alert("held/f/x")])
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.resolveAlerts([row]) }
            #expect(try await standing(house).count == 1, "it was raised since it was looked at")
            try await house.supervisor.transaction { [now = try await standing(house)] tx throws(Fault) in try await tx.resolveAlerts(now) }
            #expect(try await standing(house).isEmpty)
        }
    }

    @Test("three hundred documents held for one code are one fact; each flow, code and thing to be mended is one of its own, and what waits for another is none")
    func held() async throws {
        try await House.with { house async throws in
            for n in 0 ..< 300 { try await posting(house, n, state: "held", findings: finding("unmapped_tax_code", "no tax code is bound to GB@20")) }
            try await posting(house, 300, state: "held", findings: finding("unbalanced", "off by 1"))
            try await posting(house, 301, state: "held", findings: finding("unbalanced", "off by 2"))
            try await posting(house, 302, state: "held", findings: finding("waits_for_original", "its invoice is held"))
            try await posting(house, 303, state: "cleared", findings: finding("waits_for_batch", "a file has it in hand"))
            for (n, account) in [(305, "4010"), (306, "4010"), (307, "4090")] {
                try await posting(house, n, state: "held", findings: #"[{"check": "inactive_account", "why": "is inactive", "remedy": "mend it", "cause": "\#(account)"}]"#)
            }
            try await posting(house, 304, state: "superseded", findings: finding("old", "x"))
            let facts = try await survey(house).filter { $0.key.hasPrefix("held/") }.sorted { $0.key < $1.key }
            let keys = ["inactive_account/4010", "inactive_account/4090", "unbalanced", "unmapped_tax_code", "waits_for_batch"]
            #expect(facts.map(\.key) == keys.map { "held/\(house.flow)/\($0)" })
            #expect(facts.map(\.items) == [2, 1, 2, 300, 1] && facts.map(\.kinds) == [1, 1, 2, 1, 1])
            #expect(facts[0].code == "inactive_account")
            #expect(facts[3].words == "no tax code is bound to GB@20" && facts[3].remedy == "mend it" && facts[3].place == "shop-to-books")
        }
    }

    @Test("rejected, differing, unknown, unreadable and quarantined rows, dead credentials, platforms that are down, crashes and lag are facts, each under its key")
    func survey() async throws {
        try await House.with { house async throws in
            let t = house.tenant
            try await posting(house, 1, state: "rejected", fault: #"{"code": "refused", "summary": "s", "remedy": "m"}"#)
            try await posting(house, 2, state: "manual", findings: #"[{"check": "drift", "why": "total", "remedy": "", "position": "total"}]"#, fault: #"{"code": "differs"}"#)
            try await posting(house, 3, state: "unknown", fault: #"{"code": "outcome_unknown", "summary": "torn"}"#)
            try await posting(house, 4, state: "held", findings: finding("quarantined", "w"), fault: #"{"code": "document_quarantined", "summary": "s"}"#)
            try await house.owner.batch([
                "INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body, state, fault) VALUES (\(t), \(house.source), 't', 'd', 'x', 'held', '{\"code\": \"unreadable\"}')",
                "INSERT INTO app.cases (tenant_id, flow_id, case_id, dirty, fault) VALUES (\(t), \(house.flow), 'O-9', false, '{\"code\": \"no_plan\"}')",
                "UPDATE app.connections SET state = 'dead', state_reason = 'refused' WHERE tenant_id = \(t) AND id = \(house.ledger)",
                "UPDATE app.connections SET down_since = now(), down_reason = 'no answer' WHERE tenant_id = \(t) AND id = \(house.source)",
                "INSERT INTO app.crashes (tenant_id, kind, subject, crashes) VALUES (\(t), 'post', 'f', 2)",
                "INSERT INTO app.jobs (tenant_id, kind, subject, lane, due_at) VALUES (\(t), 'map', 'f', 'poll', now() - interval '1 hour')",
            ])
            let facts = try await survey(house)
            #expect(Set(facts.map(\.key)) == [
                "rejected/\(house.flow)/refused", "variance/\(house.flow)/total", "unknown/\(house.flow)", "document_quarantined/posting", "event/\(house.source)/unreadable",
                "held/\(house.flow)/no_plan", "credential/\(house.ledger)", "down/\(house.source)", "crash/worker", "lag/work",
            ], "\(facts.map(\.key))")
            #expect(facts.first { $0.key == "crash/worker" }.map { $0.items == 2 && $0.code == "post" } == true)
            #expect(facts.first { $0.key == "lag/work" }?.code == "job")
            try await house.owner.query("UPDATE app.tenants SET state = 'paused' WHERE tenant_id = \(t)")
            #expect(try await survey(house).isEmpty, "of a paused tenant nobody is told")
        }
    }

    @Test("crashes are a fact until what is at fault is held or left alone; of an end that a job is blamed for the job tells alone") func crashes() async throws {
        try await House.with { house async throws in
            let t = house.tenant, store = house.supervisor, job = JobName(.normalize, "shop")
            func end(crashed: Bool, named: Bool = false) async throws {
                let lease = try #require(try await store.acquire(t, holder: "h", seconds: 30))
                _ = try await store.release(lease, holder: "h", served: .zero, crashed: crashed, named: named)
            }
            func fact() async throws -> String? { try await survey(house).first { $0.key == "crash/worker" }.map { "\($0.code) \($0.items)" } }
            func settle(_ crashes: Int, quarantined: Duration? = nil) async throws {
                _ = try await store.settleCrash(t, job) { _, _ in CrashSettlement(suspicion: Suspicion(crashes: crashes, batch: 1, quarantined: quarantined), putOff: .zero, fault: Array("{}".utf8)) }
            }
            func first() async throws -> Int { try await house.count("SELECT (extract(epoch FROM first_at) * 1000000)::bigint FROM app.crashes") }
            try await settle(1)
            let began = try await first()
            try await end(crashed: true, named: true)
            #expect(try await fact() == nil, "once is looked into by itself")
            try await settle(2)
            #expect(try await first() == began)
            #expect(try await fact() == "normalize 2")
            try await house.owner.query("UPDATE app.crashes SET last_at = last_at - interval '61 minutes'")
            #expect(try await fact() == nil, "it has not come again")
            // Its document is held.
            try await settle(0)
            #expect(try await fact() == nil)
            try await settle(3, quarantined: .seconds(60))
            #expect(try await fact() == nil)
            #expect(try await first() > began, "those before it were settled")
            // An end that nobody can be blamed for, until one is clean.
            try await end(crashed: true)
            try await end(crashed: true, named: true)
            #expect(try await fact() == " 1")
            try await end(crashed: false)
            #expect(try await fact() == nil)
        }
    }

    @Test("of two who look at once one looks; within the time nobody does")
    func watch() async throws {
        try await House.with { house async throws in
            let looked = try await house.supervisor.watchAlerts(every: .zero) { _, _, counts throws(Fault) in
                #expect(counts, "the slow counts were never done")
                // While this one has the row, another passes on.
                let other = try await house.supervisor.watchAlerts(every: .zero) { _, _, _ throws(Fault) in Issue.record("two look at once") }
                #expect(!other)
            }
            #expect(looked)
            let soon = try await house.supervisor.watchAlerts(every: .seconds(60)) { _, _, _ throws(Fault) in Issue.record("it was just looked") }
            let later = try await house.supervisor.watchAlerts(every: .zero) { _, _, counts throws(Fault) in #expect(!counts) }
            #expect(!soon && later)
        }
    }

    @Test("what was decided to be told is there with the decision, or neither is")
    func together() async throws {
        try await House.with { house async throws in
            let owner = AlertOwner(house.tenant)
            let delivery = AlertDelivery(
                id: SystemRandom().uuid(), owner: owner, route: "books", kind: "webhook", purpose: .opened, receiver: "https://x", subject: "s", body: [1], alerts: [SystemRandom().uuid()])
            let notice = AlertNotice(
                owner: owner, route: "books", tenant: house.tenant, key: "k", told: .opened, at: Timestamp(seconds: 1_790_000_000), severity: .critical)
            let torn = await faultCode {
                try await house.supervisor.transaction { tx throws(Fault) in
                    try await tx.tell([delivery], [notice])
                    try await tx.query("SELECT 1 / 0")
                }
            }
            #expect(torn == "sql_22012")
            func look() async throws -> ([AlertNotice], Int?) {
                try await house.supervisor.transaction { tx throws(Fault) in (try await tx.alertNotices(), try await tx.alertsSentInHour()[owner]?["books"]) }
            }
            #expect(try await look() == ([], nil))
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.tell([delivery], [notice]) }
            #expect(try await look() == ([notice], 1))
        }
    }

    @Test("a message that is due is one sender's; who dies with it loses it after a while; what was settled stays so")
    func claims() async throws {
        try await House.with { house async throws in
            let owner = AlertOwner.operator
            for n in 0 ..< 3 {
                let delivery = AlertDelivery(
                    id: SystemRandom().uuid(), owner: owner, route: "books", kind: "email", purpose: .opened, part: n, receiver: "a@example.com", subject: "s", body: [1, 2], alerts: [])
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.tell([delivery], []) }
            }
            let claimed = try await sideBySide(4) { _ in try await house.supervisor.claimAlertDeliveries(limit: 2, for: .seconds(120)) }
            #expect(claimed.flatMap { $0 }.count == 3 && Set(claimed.flatMap { $0 }.map(\.id)).count == 3)
            #expect(try await house.supervisor.claimAlertDeliveries(limit: 9, for: .seconds(120)).isEmpty)
            let mine = claimed.flatMap { $0 }.sorted { $0.part < $1.part }
            #expect(mine[0].attempts == 1 && mine[0].body == [1, 2])
            try await house.supervisor.settle(mine[0], .delivered("250 ok"))
            try await house.supervisor.settle(mine[1], .failed("550 no"))
            try await house.supervisor.settle(mine[2], .later(.zero, "451 later"))
            try await house.supervisor.settle(mine[0], .failed("late word"))
            let again = try await house.supervisor.claimAlertDeliveries(limit: 9, for: .zero)
            #expect(again.map(\.id) == [mine[2].id] && again[0].attempts == 2)
            #expect(try await house.supervisor.claimAlertDeliveries(limit: 9, for: .zero).map(\.attempts) == [3], "its sender is gone")
            let rows = try await house.supervisor.adminAlertDeliveries(owner, route: nil, state: nil, PageRequest(limit: 10))
            #expect(rows.count == 3)
            #expect(try await house.texts("SELECT state || ' ' || coalesce(outcome, '') FROM app.alert_deliveries ORDER BY part") == ["delivered 250 ok", "failed 550 no", "waiting 451 later"])
        }
    }

    @Test("routes that are not named go with what waits to be sent by them; the others keep what they have")
    func routes() async throws {
        try await House.with { house async throws in
            let owner = AlertOwner(house.tenant)
            func row(_ name: String, _ settings: String = #"{"url": "https://x"}"#) -> AlertRouteRow {
                AlertRouteRow(owner: owner, name: name, kind: "webhook", settings: Array(settings.utf8), secret: [1])
            }
            func put(_ rows: AlertRouteRow...) async throws -> Bool {
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.putAlertRoutes(owner, rows, actor: "a") }
            }
            #expect(try await put(row("a"), row("b")))
            #expect(!(try await put(row("a"), row("b"))), "nothing changed")
            let delivery = AlertDelivery(id: SystemRandom().uuid(), owner: owner, route: "b", kind: "webhook", purpose: .opened, receiver: "x", subject: "s", body: [1], alerts: [])
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.tell([delivery], []) }
            #expect(try await put(row("a")))
            #expect(try await house.supervisor.alertRoute(owner, "b") == nil)
            #expect(try await house.supervisor.alertRoute(owner, "a") == row("a"))
            #expect(try await house.text("SELECT state FROM app.alert_deliveries") == "dropped")
        }
    }

    @Test("rules get a new version when they change, and none when they do not")
    func rules() async throws {
        try await House.with { house async throws in
            func put(_ text: String) async throws -> Bool {
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.putAlertRules(.operator, body: Array(text.utf8), actor: "a") }
            }
            #expect(try await put(#"{"rules": []}"#))
            #expect(!(try await put(#"{"rules": []}"#)))
            #expect(try await put(#"{"rules": [1]}"#))
            #expect(try await house.text("SELECT version::text FROM app.alert_rules") == "2")
            let all = try await house.supervisor.transaction { tx throws(Fault) in try await tx.alertRules() }
            #expect(all == [.operator: Array(#"{"rules": [1]}"#.utf8)])
        }
    }

    @Test("events are counted into their hours once, and a source whose last one is over an hour old is known with its rhythm")
    func hours() async throws {
        try await House.with { house async throws in
            func event(_ id: String, _ at: String) async throws {
                try await house.owner.query("""
                    INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body, received_at)
                    VALUES (\(house.tenant), \(house.source), 't', \(id), 'x', \(unsafe: at))
                    """)
            }
            func count() async throws -> [QuietSource] {
                try await house.supervisor.transaction { tx throws(Fault) in
                    try await tx.countSourceHours()
                    return try await tx.quietSources()
                }
            }
            for week in 0 ..< 3 { for n in 0 ..< 2 { try await event("\(week)-\(n)", "now() - interval '\(week * 7) days' - interval '3 hours'") } }
            let source = try #require(try await count().first)
            #expect(source.connection == house.source && source.slug == "shop" && source.weeks.count == 1 && source.weeks.first?.value == 3)
            #expect(source.lastAt - source.knownSince >= .seconds(14 * 86_400))
            _ = try await count()
            #expect(try await house.texts("SELECT events::text FROM app.source_hours ORDER BY hour") == ["2", "2", "2"], "no event twice")
            try await event("new", "now() - interval '2 minutes'")
            try await event("newest", "now()")
            #expect(try await count().isEmpty, "it has just said something")
            #expect(try await house.count("SELECT sum(events) FROM app.source_hours") == 7, "the newest minute waits for the next time")
        }
    }

    @Test("a budget's row tells what is used in this window, and what the platform's headers said, until the window turns")
    func quotas() async throws {
        try await House.with { house async throws in
            let charge = BudgetCharge(name: "day", amount: 100, window: .seconds(86_400), cost: 60)
            #expect(try await house.worker.take(house.tenant, house.ledger, [charge]) == nil)
            var row = try #require(try await house.supervisor.quotas(house.tenant, house.ledger).first)
            #expect(row.used == 60 && !row.isPlatformsWord && row.platform == "scripted-ledger")
            try await house.worker.correct(house.tenant, house.ledger, name: "day", remaining: 5)
            row = try #require(try await house.supervisor.quotas(house.tenant, house.ledger).first)
            #expect(row.used == 95 && row.isPlatformsWord && row.saidRemaining == 5)
            let spent = try await house.supervisor.transaction { tx throws(Fault) in try await tx.spentQuotas() }
            #expect(spent == [row])
            try await house.owner.query("UPDATE app.budgets SET window_start = now() - interval '25 hours'")
            #expect(try await house.supervisor.quotas(house.tenant, house.ledger).first?.used == 0)
            #expect(try await house.supervisor.transaction { tx throws(Fault) in try await tx.spentQuotas() }.isEmpty)
        }
    }

    @Test("a day's budget that the platform refuses is full wherever budgets are shown, and one of a second is shown nowhere")
    func refused() async throws {
        try await House.with { house async throws in
            let day = BudgetCharge(name: "day", amount: 5_000, window: .seconds(86_400), cost: 252)
            let second = BudgetCharge(name: "second", amount: 1, window: .seconds(1), cost: 1)
            _ = try await house.worker.take(house.tenant, house.ledger, [day, second])
            func fleet() async throws -> Int? {
                let text = try await house.supervisor.fleet(.all).first.map { String(decoding: $0.json, as: UTF8.self) } ?? ""
                return text.firstMatch(of: /"quota_permille" ?: ?([0-9]+)/).flatMap { Int($0.1) }
            }
            #expect(try await fleet() == 50)
            var gauges = try await house.supervisor.gauges()
            #expect(gauges.quotas == [QuotaGauge(connection: nil, platform: "scripted-ledger", budget: "day", isLong: true, permille: 50)])
            try await house.worker.pause(house.tenant, house.ledger, name: "day", for: .seconds(290))
            #expect(try await fleet() == 50, "that is pacing")
            try await house.worker.pause(house.tenant, house.ledger, name: "day", for: .seconds(3_600))
            #expect(try await fleet() == 1_000)
            gauges = try await house.supervisor.gauges()
            #expect(gauges.quotas.map(\.permille) == [1_000] && gauges.connectionQuotas.map(\.connection) == [house.ledger] && gauges.connectionQuotas.map(\.permille) == [1_000])
            #expect(try await house.supervisor.quotas(house.tenant, house.ledger).filter(\.isRefused).map(\.name) == ["day"])
            try await house.worker.setDown(house.tenant, house.ledger, reason: "no answer")
            #expect(try await fleet() == 50, "a platform that is down refuses nothing")
        }
    }

    @Test("budgets of apps are gauges of their own, and documents that are sent and not answered are counted by connection")
    func apps() async throws {
        try await House.with { house async throws in
            try await house.owner.query("INSERT INTO adm.app_budgets VALUES ('p', 'reads', 100, 86400000, now(), 95), ('p', 'second', 10, 30000, now(), 10)")
            try await posting(house, 1, state: "posting")
            try await house.owner.query("""
                INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state)
                VALUES (\(house.tenant), '0000000000000001', 1, 'create', 'a', 'x', 1, 'open')
                """)
            let gauges = try await house.supervisor.gauges()
            #expect(gauges.appQuotas == [QuotaGauge(connection: nil, platform: "p", budget: "reads", isLong: true, permille: 950)])
            #expect(gauges.inFlight.filter { $0.value > 0 }.map(\.connection) == [house.ledger])
            #expect(try await house.supervisor.inFlight(house.tenant, house.ledger) == 1)
            #expect(try await house.supervisor.inFlight(house.tenant, house.source) == 0)
            let spent = try await house.supervisor.transaction { tx throws(Fault) in try await tx.spentAppQuotas() }
            #expect(spent.map(\.name) == ["reads", "second"] && spent.map(\.used) == [95, 10])
        }
    }

    @Test("what was tried in vain keeps its alert for as long as it waits, and no longer")
    func lasting() async throws {
        try await House.with { house async throws in
            let keys = [AlertKey.quotaSpent(house.ledger, "day"), AlertKey.fetch(house.source, "unreadable"), AlertKey.configuration("invalid_policy")].sorted()
            func facts() async throws -> [String] { try await survey(house).map(\.key).filter { $0 != "lag/work" }.sorted() }
            try await house.worker.raise(house.tenant, keys.map { alert($0) })
            #expect(try await facts().isEmpty)
            _ = try await house.worker.take(house.tenant, house.ledger, [BudgetCharge(name: "day", amount: 9, window: .seconds(86_400), cost: 1)])
            try await house.worker.pause(house.tenant, house.ledger, name: "day", for: .zero)
            let jobs = [("fetch", "\(house.source)/O-1", "unreadable"), ("sweep", "c", "invalid_policy")]
            for (kind, subject, code) in jobs {
                try await house.owner.query("""
                    INSERT INTO app.jobs (tenant_id, kind, subject, lane, fault)
                    VALUES (\(house.tenant), \(kind), \(subject), 'poll', jsonb_build_object('code', \(code)::text))
                    """)
            }
            #expect(try await facts() == keys, "a pause that nobody has tried to end stands")
            #expect(try await house.worker.take(house.tenant, house.ledger, [BudgetCharge(name: "day", amount: 9, window: .seconds(86_400), cost: 1)]) == nil)
            try await house.owner.query("UPDATE app.jobs SET fault = NULL")
            #expect(try await facts().isEmpty)
        }
    }

    @Test("a returns system beside a shop is known when it is quiet, and a source that was connected and never said anything")
    func silence() async throws {
        try await House.with { house async throws in
            func quiet() async throws -> [QuietSource] {
                try await house.supervisor.transaction { tx throws(Fault) in
                    try await tx.countSourceHours()
                    return try await tx.quietSources()
                }
            }
            #expect(try await quiet().isEmpty, "nobody was ever seen at its other end")
            try await house.worker.saveIdentity(house.tenant, house.source, Array("{}".utf8), given: 0)
            let never = try #require(try await quiet().first)
            #expect(never.connection == house.source && !never.hasSpoken)
            let rms: ConnectionID = SystemRandom().identifier()
            try await house.owner.query("""
                INSERT INTO app.connections (tenant_id, id, slug, platform, account, state, credential) VALUES (\(house.tenant), \(rms), 'rms', 'returns', 'r', 'live', 'x')
                """)
            for hours in [4, 10, 20, 50, 60, 61] {
                try await house.owner.query("""
                    INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body, received_at)
                    VALUES (\(house.tenant), \(rms), 't', \("\(hours)"), 'x', now() - \(Int64(hours)) * interval '1 hour')
                    """)
            }
            #expect(try await quiet().map(\.connection) == [house.source], "no flow has to do with it")
            try await house.owner.query("UPDATE app.flows SET policies = policies || '{\"returns.from\": \"rms\"}'")
            let spoken = try #require(try await quiet().first { $0.connection == rms })
            #expect(spoken.hasSpoken && spoken.longestGap.map { $0 > .seconds(28 * 3600) && $0 <= .seconds(30 * 3600) } == true)
        }
    }

    @Test("what an alert began with stands while it is open, and an account that is called something else is over by a person's word, one that is gone is not")
    func beginnings() async throws {
        try await House.with { house async throws in
            func raise(_ detail: String) async throws {
                try await house.worker.raise(house.tenant, [AlertRow(key: "account/c/84", severity: .warning, cause: "c", remedy: "r", detail: Array(detail.utf8))])
            }
            func detail() async throws -> String { String(decoding: try await house.worker.alertDetails(house.tenant, keyPrefix: "account/c/")["account/c/84"] ?? [], as: UTF8.self) }
            func acknowledge() async throws {
                let id = try #require(try await standing(house).first).id
                _ = try await house.supervisor.pool.query(AdminAlertStatements.acknowledge(house.tenant, id, by: "key ann", note: nil))
            }
            try await raise(#"{"was": 1}"#)
            try await raise(#"{"was": 2, "gone": true}"#)
            #expect(try await detail() == #"{"was": 1, "gone": true}"#)
            try await acknowledge()
            #expect(try await standing(house).count == 1)
            try await raise(#"{"was": 3}"#)
            #expect(try await detail() == #"{"was": 1}"#)
            try await acknowledge()
            #expect(try await standing(house).isEmpty)
            try await raise(#"{"was": 4}"#)
            #expect(try await detail() == #"{"was": 4}"#)
            try await house.worker.resolveAlerts(house.tenant, keys: ["account/c/84"])
            #expect(try await detail().isEmpty)
        }
    }

    @Test("what was acknowledged as a warning is not acknowledged once it is critical")
    func worse() async throws {
        try await House.with { house async throws in
            @Sendable func row(_ severity: AlertRow.Severity) -> AlertRow { AlertRow(key: "lag/work", severity: severity, cause: "c", remedy: "r") }
            func acknowledge() async throws {
                let id = try #require(try await standing(house).first).id
                _ = try await house.supervisor.pool.query(AdminAlertStatements.acknowledge(house.tenant, id, by: "key ann", note: nil))
            }
            try await house.worker.raise(house.tenant, [row(.warning)])
            try await acknowledge()
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.refreshAlerts([SeenAlert(tenant: house.tenant, row: row(.warning), items: 1)]) }
            #expect(try await standing(house).first?.isAcknowledged == true)
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.refreshAlerts([SeenAlert(tenant: house.tenant, row: row(.critical), items: 1)]) }
            #expect(try await standing(house).first?.isAcknowledged == false)
            try await acknowledge()
            try await house.worker.raise(house.tenant, [row(.warning)])
            #expect(try await standing(house).first?.isAcknowledged == true, "milder is no news")
            try await house.worker.raise(house.tenant, [row(.critical)])
            #expect(try await standing(house).first?.isAcknowledged == false)
        }
    }

    @Test("since when a platform is down is kept from the first word to the next answer")
    func down() async throws {
        try await House.with { house async throws in
            func look() async throws -> Timestamp? { try await house.worker.connection(house.tenant, house.ledger)?.downSince }
            try await house.worker.setDown(house.tenant, house.ledger, reason: "no answer")
            let first = try #require(try await look())
            try await house.worker.setDown(house.tenant, house.ledger, reason: "still none")
            #expect(try await look() == first)
            try await house.worker.setDown(house.tenant, house.ledger, reason: nil)
            #expect(try await look() == nil)
        }
    }

    @Test("a clock that differs is known with since when, until it no longer does; a tenant's platforms are told of together")
    func clock() async throws {
        try await House.with { house async throws in
            func facts() async throws -> [AlertFact] {
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }.filter { $0.key == "clock/platforms" }
            }
            try await house.owner.query("UPDATE app.connections SET state = 'live'")
            try await house.worker.setClock(house.tenant, house.ledger, ahead_s: 400)
            let first = try #require(try await facts().first)
            #expect(first.words == "400" && first.items == 1)
            #expect(try await house.worker.connection(house.tenant, house.ledger)?.clockAhead_s == 400)
            try await house.worker.setClock(house.tenant, house.source, ahead_s: -401)
            let both = try await facts()
            #expect(both.map(\.words) == ["-401"] && both.first?.items == 2 && both.first?.since == first.since)
            for one in [house.ledger, house.source] { try await house.worker.setClock(house.tenant, one, ahead_s: nil) }
            #expect(try await facts().isEmpty)
        }
    }

    @Test("what only sweeps find since the last webhook is counted, where webhooks are expected; one webhook ends it")
    func missed() async throws {
        try await House.with { house async throws in
            func facts() async throws -> [Int] {
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }.filter { $0.key == "webhooks/\(house.source)" }.map(\.items)
            }
            func arrive(_ id: String, missed: Bool) async throws {
                _ = try await house.worker.ingest(
                    [NewEvent(tenant: house.tenant, connection: house.source, topic: "orders", deliveryID: id, sealedBody: [1], isMissed: missed)], lane: .poll)
            }
            try await house.owner.query("UPDATE app.connections SET state = 'live'")
            try await arrive("a", missed: true)
            #expect(try await facts().isEmpty, "without a secret no webhook is expected")
            try await house.owner.query("UPDATE app.connections SET webhook_secret = '\\x01' WHERE id = \(house.source)")
            #expect(try await facts() == [1])
            try await arrive("b", missed: false)
            #expect(try await facts().isEmpty)
            try await arrive("b", missed: true)
            #expect(try await facts().isEmpty, "known already: nothing was missed")
            for id in ["c", "d"] { try await arrive(id, missed: true) }
            #expect(try await facts() == [2])
        }
    }

    @Test("another key than the one that is known is refused")
    func key() async throws {
        try await House.with { house async throws in
            #expect(try await house.supervisor.alertKey() == nil)
            let key = [UInt8](repeating: 7, count: 32)
            try await house.supervisor.setAlertKey(key)
            try await house.supervisor.setAlertKey(key)
            #expect(try await house.supervisor.alertKey() == key)
            #expect(await faultCode { try await house.supervisor.setAlertKey([UInt8](repeating: 8, count: 32)) } == "alert_key_differs")
        }
    }
}
