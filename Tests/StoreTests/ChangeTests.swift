import Books
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("What ledgers tell of changes", .timeLimit(.minutes(2))) struct ChangeTests {
    private func notice(_ house: House, _ remoteID: String, id: String? = nil, object: String = "Invoice", change: String = "updated") -> NewNotice {
        NewNotice(
            tenant: house.tenant, connection: house.ledger, notice: NoticeRow(object: object, remoteID: remoteID, change: change, at: nil), id: id)
    }

    private func waiting(_ house: House) async throws -> [String] {
        try await house.worker.waitingNotices(house.tenant, house.ledger, limit: 50).map { "\($0.object) \($0.remoteID) \($0.change)" }.sorted()
    }

    @Test("a notice is kept once by its id, an object waits once however often it changes, and each new one asks for somebody to look") func kept() async throws {
        try await Street.with { house async throws in
            let supervisor = house.supervisor
            try await supervisor.keep([notice(house, "1", id: "a"), notice(house, "1", id: "a"), notice(house, "2")])
            #expect(try await waiting(house) == ["Invoice 1 updated", "Invoice 2 updated"])
            #expect(try await house.worker.dueJobs(house.tenant, limit: 5).map { "\($0.kind) \($0.lane)" } == ["changes webhook"])
            try await supervisor.keep([notice(house, "1", id: "b", change: "deleted"), notice(house, "1", object: "Payment")])
            #expect(try await waiting(house) == ["Invoice 1 deleted", "Invoice 2 updated", "Payment 1 updated"])
            try await house.worker.take(
                house.tenant, house.ledger, try await house.worker.waitingNotices(house.tenant, house.ledger, limit: 50), jobs: [])
            #expect(try await waiting(house) == [])
            try await supervisor.keep([notice(house, "1", id: "a")])
            #expect(try await waiting(house) == [], "it was here before")
            try await supervisor.keep([notice(house, "2")])
            #expect(try await waiting(house) == ["Invoice 2 updated"], "without an id it is another one")
            try await supervisor.keep([])
        }
    }

    @Test("one delivery's notices go to every connection of their accounts, whatever the case of letters, and none to a removed tenant") func spread() async throws {
        try await Street.with { house async throws in
            let account = "Realm-\(house.tenant.hex)"
            try await house.owner.query("UPDATE app.connections SET account = \(account) WHERE id = \(house.ledger)")
            func found() async throws -> [ConnectionID] {
                try await house.supervisor.connections("scripted-ledger", accounts: [account.uppercased(), "nobody"])[account.lowercased()]?.map(\.id) ?? []
            }
            #expect(try await found() == [house.ledger])
            #expect(try await house.supervisor.connections("other", accounts: [account]).isEmpty)
            try await house.owner.query("UPDATE app.tenants SET state = 'removed' WHERE tenant_id = \(house.tenant)")
            #expect(try await found() == [])
        }
    }

    private func marked(_ house: House) async throws -> [PostKey] { try await house.worker.marked(house.tenant, house.flow, limit: 50).map(\.posting.key) }

    @Test("a mark found by key or by id asks the flow to look, but not for the version that was seen, for others' or for what went there by hand")
    func marks() async throws {
        try await Street.with { house async throws in
            let (tenant, ledger, worker) = (house.tenant, house.ledger, house.worker)
            var keys: [PostKey] = []
            for _ in 0 ..< 3 { keys.append(try await house.posting("held", remote: "x")) }
            for (n, key) in keys.enumerated() {
                try await house.owner.query("UPDATE app.postings SET remote_id = \("R\(n)"), remote_version = '3' WHERE tenant_id = \(tenant) AND post_key = \(key.text)")
            }
            try await house.owner.query("UPDATE app.postings SET by_hand = true WHERE tenant_id = \(tenant) AND post_key = \(keys[2].text)")
            try await worker.mark(tenant, ledger, keys: [(keys[0], "3")], remoteIDs: ["R9"])
            #expect(try await marked(house).isEmpty)
            try await worker.mark(tenant, house.source, remoteIDs: ["R0", "R1"])
            #expect(try await marked(house).isEmpty, "another ledger's ids")
            try await worker.mark(tenant, ledger, keys: [(keys[0], "4")], remoteIDs: ["R1", "R2"])
            #expect(try await Set(marked(house)) == Set(keys.prefix(2)))
            #expect(try await worker.dueJobs(tenant, limit: 5).map(\.kind) == [.confirm])
        }
    }

    @Test("a mark that comes while the last one is answered stays") func stays() async throws {
        try await Street.with { house async throws in
            let (tenant, ledger, worker) = (house.tenant, house.ledger, house.worker)
            let key = try await house.posting("held", remote: "x")
            try await worker.mark(tenant, ledger, keys: [(key, nil)])
            let first = try #require(try await worker.marked(tenant, house.flow, limit: 5).first)
            try await worker.mark(tenant, ledger, keys: [(key, nil)])
            try await worker.pool.query(ChangeStatements.unmark(tenant, [(key, "7", Array(#"{"total_minor": 1}"#.utf8), first.asked)]))
            let second = try #require(try await worker.marked(tenant, house.flow, limit: 5).first)
            #expect(second.posting.remoteVersion == "7" && second.shown != nil && second.asked > first.asked)
            try await worker.pool.query(ChangeStatements.unmark(tenant, [(key, nil, nil, second.asked)]))
            #expect(try await marked(house).isEmpty)
            #expect(try await worker.nextMarked(tenant, house.flow) == nil)
        }
    }

    @Test("nothing marked is sent before it was looked at") func notSent() async throws {
        try await Street.with { house async throws in
            let key = try await house.posting("cleared")
            #expect(try await house.worker.duePostings(house.tenant, house.flow, limit: 5).map(\.key) == [key])
            try await house.owner.query("UPDATE app.postings SET recheck_at = now() + interval '1 hour' WHERE tenant_id = \(house.tenant)")
            #expect(try await house.worker.duePostings(house.tenant, house.flow, limit: 5).isEmpty)
        }
    }

    @Test("changes are asked for when they are due, of live ledgers of active flows, and once") func due() async throws {
        try await House.with { house async throws in
            func asked() async throws -> [String] {
                try await house.supervisor.askDueChanges()
                return try await house.texts("SELECT subject || ' ' || generation FROM app.jobs WHERE kind = 'changes'")
            }
            #expect(try await asked() == ["\(house.ledger) 1"])
            #expect(try await asked() == ["\(house.ledger) 1"])
            for (table, state) in [("flows", "paused"), ("connections", "paused"), ("tenants", "paused")] as [(String, String)] {
                try await house.owner.query("DELETE FROM app.jobs")
                try await house.owner.query("UPDATE app.\(unsafe: table) SET state = \(state)")
                #expect(try await asked() == [], "\(table)")
                let back = table == "connections" ? "live" : "active"
                try await house.owner.query("UPDATE app.\(unsafe: table) SET state = \(back)")
            }
            try await house.worker.saveFeed(house.tenant, house.ledger, watermark: Timestamp(seconds: 1_790_000_000), next: .seconds(60))
            #expect(try await asked() == [])
            try await house.worker.saveFeed(house.tenant, house.ledger, watermark: Timestamp(seconds: 1_700_000_000), next: .zero)
            let feed = try #require(try await house.worker.feed(house.tenant, house.ledger))
            #expect(feed.watermark == Timestamp(seconds: 1_790_000_000) && feed.isDue, "it never goes back")
            #expect(try await asked() == ["\(house.ledger) 1"])
        }
    }

    @Test("a file is written down before it is sent, under a live lease alone, and settled once") func files() async throws {
        try await Street.with { house async throws in
            let (tenant, worker) = (house.tenant, house.worker)
            let key = try await house.posting("held", remote: "x"), lease = try await house.lease()
            for _ in 0 ..< 2 { try await worker.pool.query(AttachmentStatements.want(tenant, house.flow, [(key, 1)])) }
            let row = try #require(try await worker.dueAttachments(tenant, house.flow, limit: 5).first)
            func send(_ epoch: Int64) async throws {
                try await worker.sendAttachment(tenant, epoch: epoch, row, name: "f.csv", digest: [UInt8](repeating: 1, count: 32), attempt: "a", again: .seconds(90))
            }
            await #expect { try await send(lease.epoch + 1) } throws: { ($0 as? Fault)?.code == "lease_lost" }
            try await send(lease.epoch)
            #expect(try await worker.dueAttachments(tenant, house.flow, limit: 5).isEmpty)
            #expect(try await worker.nextAttachment(tenant, house.flow).map { $0 > .seconds(80) } == true)
            try await worker.settleAttachment(tenant, row, AttachmentOutcome(.attached, remoteID: "9"))
            try await worker.settleAttachment(tenant, row, AttachmentOutcome(.refused, fault: Array("{}".utf8)))
            #expect(try await house.text("SELECT state || ' ' || remote_id FROM app.attachments WHERE tenant_id = \(tenant)") == "attached 9")
            #expect(try await worker.nextAttachment(tenant, house.flow) == nil)
        }
    }
}
