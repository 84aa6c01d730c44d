import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("What is held against a job", .serialized, .timeLimit(.minutes(2))) struct CrashTests {
    private func crash(_ house: House, _ job: JobName, _ suspicion: Suspicion, hold: String? = nil) async throws -> CrashSettlement {
        try await house.supervisor.settleCrash(house.tenant, job) { _, canHold in
            CrashSettlement(suspicion: suspicion, hold: canHold ? hold : nil, putOff: .zero, fault: Array(#"{"code": "document_quarantined", "summary": "s", "remedy": "r"}"#.utf8))
        }
    }

    @Test("a job that names its rows and ends well is acquitted ten minutes after its crash, since the row that did it may have been put off; one without rows at once, and by a fault neither before")
    func acquitted() async throws {
        try await House.with { house async throws in
            let post = JobName(.post, house.flow.description), sweep = JobName(.sweep, house.source.description)
            func held() async throws -> Int { try await house.worker.suspicions(house.tenant).count }
            _ = try await crash(house, post, Suspicion(crashes: 1, batch: 8, items: ["posting a, b"]))
            _ = try await crash(house, post, Suspicion(crashes: 1, batch: 8, items: ["posting a, b", "posting {c}"]))
            _ = try await crash(house, sweep, Suspicion(crashes: 1))
            for job in [post, sweep] { try await house.worker.acquit(house.tenant, job, well: false) }
            #expect(try await held() == 2)
            for job in [post, sweep] { try await house.worker.acquit(house.tenant, job, well: true) }
            #expect(try await house.worker.suspicions(house.tenant) == [post: Suspicion(crashes: 1, batch: 8, items: ["posting a, b", "posting {c}"])])
            try await house.owner.query("UPDATE app.crashes SET last_at = last_at - interval '11 minutes'")
            try await house.worker.acquit(house.tenant, post, well: false)
            #expect(try await held() == 0)
            // What was at fault is held: the others go on as ever once they are through.
            _ = try await crash(house, post, Suspicion(crashes: 0, batch: 1))
            try await house.worker.acquit(house.tenant, post, well: true)
            #expect(try await held() == 0)
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE action = 'job.acquitted'") == 3)
        }
    }

    private func posting(_ house: House) async throws -> String {
        let key = "0123456789abcdef"
        try await house.owner.query("""
            INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference, ledger_date, currency, total_minor)
            VALUES (\(house.tenant), \(key), \(house.flow), \(house.ledger), 'O-1', 'O-1', 'invoice', 'post', 'cleared', '{}', 'x', 'r', '2026-11-02', 'USD', 1)
            """)
        return key
    }

    @Test("what a source is to be told, and a file beside a document, are refused when they crash workers; the document stays as it is, and somebody is told")
    func beside() async throws {
        try await House.with { house async throws in
            let key = try await posting(house), flow = house.flow.description
            try await house.owner.batch([
                """
                INSERT INTO app.reflections (tenant_id, post_key, number, flow_id, connection_id, says, digest, state)
                SELECT \(house.tenant), \(key), n, \(house.flow), \(house.source), '{}', sha256('x'), CASE n WHEN 1 THEN 'superseded' ELSE 'due' END FROM generate_series(1, 3) n
                """,
                "INSERT INTO app.attachments (tenant_id, post_key, revision, flow_id) VALUES (\(house.tenant), \(key), 1, \(house.flow))",
            ])
            let one = try await crash(house, JobName(.reflect, flow), Suspicion(crashes: 0, batch: 1), hold: "reflection \(key) 2")
            #expect(one.hold != nil)
            _ = try await crash(house, JobName(.attach, flow), Suspicion(crashes: 0, batch: 1), hold: "attachment \(key) 1")
            for gone in ["reflection \(key) 1", "reflection \(key) 7", "reflection \(key)", "reflection \(key) x", "attachment \(key) 2"] {
                #expect(try await crash(house, JobName(.reflect, flow), Suspicion(crashes: 2, batch: 1), hold: gone).hold == nil, "\(gone)")
            }
            #expect(try await house.texts("SELECT number || ' ' || state || ' ' || coalesce(fault->>'code', '') FROM app.reflections ORDER BY number") == [
                "1 superseded ", "2 refused document_quarantined", "3 due ",
            ])
            #expect(try await house.text("SELECT state FROM app.attachments") == "refused")
            #expect(try await house.text("SELECT state FROM app.postings") == "cleared")
            let facts = try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }.map(\.key)
            #expect(Set(facts).isSuperset(of: ["document_quarantined/reflection", "document_quarantined/attachment"]), "\(facts)")
            #expect(try await house.texts("SELECT subject FROM app.audit WHERE action IN ('reflection.refused', 'attachment.refused') ORDER BY subject") == [
                "attachment \(key) 1", "reflection \(key) 2",
            ])
        }
    }
}
