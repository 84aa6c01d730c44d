import HTTPServer
import Kernel
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import Wire

@Suite("Reversals that people begin in a ledger, through the whole program") struct ReversalTests {
    @Test("a void posts no draft credit note that a person began, and makes none beside it; once that is deleted, ours is written") func byHand() async throws {
        let here = Country.workshop, fields = Locked(HTTPFields())
        try await here.with([], between: { _, request, answer in
            if request.path.hasPrefix("/json/2/") { fields.with { $0 = request.fields } }
            return answer(request)
        }) { desk, twin in
            /// As a person's screen asks, let in as the program was.
            func ask(_ target: String, _ body: String) throws -> JSON {
                let answer = twin.respond(HTTPRequest(.post, "/json/2/\(target)", fields: fields.with { $0 }, body: Array(body.utf8)), at: SystemClocks().now())
                try #require(answer.status == 200, "\(answer.bodyText)")
                return try JSON(parsing: answer.body)
            }
            func moves(_ domain: String) throws -> [Int] {
                (try ask("account.move/search_read", #"{"domain": [\#(domain)], "fields": ["id"]}"#).array ?? []).compactMap { $0["id"]?.int }
            }
            try await desk.run(here.sale("O-0"))
            let journals = (try ask("account.journal/search_read", #"{"domain": [["type", "=", "sale"]], "fields": ["id"]}"#).array ?? []).compactMap { $0["id"]?.int }
            _ = try ask("account.journal/write", #"{"ids": \#(journals), "vals": {"restrict_mode_hash_table": true}}"#)
            try await desk.run(here.sale("O-1"))
            let row = try await desk.posting("invoice", "O-1"), id = try #require(row.remoteID)
            let made = try ask("account.move.reversal/create", """
                {"context": {"active_model": "account.move", "active_ids": [\(id)]}, "vals_list": [{"reason": "goodwill", "date": "2026-11-02", "journal_id": \(journals[0])}]}
                """)
            let wizard = try #require(made[0]?.int)
            _ = try ask("account.move.reversal/refund_moves", #"{"ids": [\#(wizard)]}"#)
            let draft = #"["reversed_entry_id", "=", \#(id)]"#
            #expect(try moves(draft).count == 1)
            try await desk.run(cancellation(of: "O-1"))
            #expect(try await desk.states()["invoice O-1"] == "rejected", "\(desk.log.with { String($0.suffix(2_000)) })")
            #expect(try await desk.house.count("SELECT count(*) FROM app.postings WHERE subject = 'O-1' AND fault->>'code' = 'ledger_document_fixed'") == 1)
            #expect(try moves(draft).count == 1 && here.balance(twin, here.owed) == 20_000, "theirs is a draft still")
            let begun = try moves(draft)
            _ = try ask("account.move/unlink", #"{"ids": \#(begun)}"#)
            try await desk.order(.release, row.key)
            for _ in 0 ..< 2 { try await desk.later() }
            #expect(try await desk.states()["invoice O-1"] == "voided")
            #expect(try moves(draft).count == 1 && here.balance(twin, here.owed) == 10_000)
            #expect(try await desk.unexplained() == 0)
        }
    }
}
