import Crypto
import Foundation
import Kernel
import Testing

@testable import Alerts

@Suite("Mail as text") struct MailTextTests {
    private let id = SeededRandom(seed: 9).uuid()

    private func mail(_ subject: String = "s", _ body: String = "b", from: String = "cf@example.com", to: String = "ann@example.com", thread: UUID? = nil) -> [UInt8] {
        MailText(id: id, from: from, to: to, subject: subject, at: noon, thread: thread, body: body).bytes
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    private func lines(_ bytes: [UInt8]) -> [String] { text(bytes).components(separatedBy: "\r\n") }

    /// What a reader makes of a body in quoted-printable.
    private func read(_ lines: [String]) -> String {
        var out: [UInt8] = []
        for (n, line) in lines.enumerated() {
            var rest = Array(line.utf8)[...]
            let soft = rest.last == 61
            if soft { rest = rest.dropLast() }
            while let byte = rest.popFirst() {
                guard byte == 61 else {
                    out.append(byte)
                    continue
                }
                let digits = rest.prefix(2)
                rest = rest.dropFirst(2)
                out.append(UInt8(String(decoding: digits, as: UTF8.self), radix: 16) ?? 63)
            }
            if !soft, n < lines.count - 1 { out.append(10) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    @Test("a plain message has the headers that a server and a reader need, an empty line, and its text")
    func plain() {
        let all = lines(mail("Nine documents are held", "First line.\nSecond line.", thread: id))
        #expect(all.prefix { !$0.isEmpty } == [
            "Date: Sun, 22 Nov 2026 12:00:00 +0000", "From: Counterfoil <cf@example.com>", "To: <ann@example.com>", "Message-ID: <\(id.uuidString.lowercased())@example.com>",
            "References: <\(id.uuidString.lowercased()).alert@example.com>", "Subject: Nine documents are held", "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All",
        ])
        #expect(all.drop { !$0.isEmpty } == ["", "First line.", "Second line.", ""])
    }

    @Test("every byte is seven bits, every line ends in CR LF and has at most 78 characters, whatever is said", arguments: [
        "short", String(repeating: "x", count: 1000), "Müller & Söhne: Rechnung für 10 €", "日本語の件名 " + String(repeating: "漢字", count: 60), "emoji 👩‍👩‍👧‍👦 " + String(repeating: "👍", count: 30),
        "a\r\nBcc: eve@example.com\r\n\r\nGET / HTTP/1.1", "tab\there, nul \u{0}, bell \u{7}, next line \u{85}, line separator \u{2028}", "=?utf-8?B?ZXZpbA==?=", "", " ", ".",
        "trailing space \nand tab\t\n", "a lone \r return", "=3D literal", "..\n.\n.hidden\r\n.\r\nQUIT",
    ])
    func wire(said: String) throws {
        let bytes = mail(said, said)
        #expect(bytes.allSatisfy { $0 < 127 && ($0 >= 32 || $0 == 13 || $0 == 10) }, "\(said)")
        #expect(text(bytes).hasSuffix("\r\n"))
        let bare = text(bytes).replacingOccurrences(of: "\r\n", with: "")
        #expect(!bare.contains("\r") && !bare.contains("\n"))
        let all = lines(bytes)
        #expect(all.allSatisfy { $0.utf8.count <= 78 }, "\(all.map(\.count))")
        #expect(!all.contains { $0.hasPrefix(".") }, "no line begins with a dot")
        // One of each, and none that was smuggled in.
        let head = all.prefix { !$0.isEmpty }
        #expect(head.filter { !$0.hasPrefix(" ") }.map { $0.prefix { $0 != ":" } } == [
            "Date", "From", "To", "Message-ID", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted", "X-Auto-Response-Suppress",
        ])
        let meant = said.replacingOccurrences(of: "\r\n", with: "\n").replacingOccurrences(of: "\r", with: "\n")
        #expect(read(Array(all.drop { !$0.isEmpty }.dropFirst().dropLast())) == meant)
    }

    @Test("a subject comes out of its encoded words as it went in, no word longer than 75 characters, none cutting a character", arguments: [
        "Grüße", String(repeating: "ä", count: 200), "👩‍👩‍👧‍👦 " + String(repeating: "👍", count: 30), "=?utf-8?B?ZXZpbA==?=", String(repeating: "long ", count: 40),
    ])
    func subject(said: String) throws {
        let folded = MailText.header("Subject", said)
        #expect(folded[0].hasPrefix("Subject: =?utf-8?B?"))
        var bytes: [UInt8] = []
        for line in folded {
            let word = try #require(line.components(separatedBy: " ").last)
            #expect(word.hasPrefix("=?utf-8?B?") && word.hasSuffix("?=") && word.utf8.count <= 75)
            let part = try #require(Base64.decode(String(word.dropFirst(10).dropLast(2))))
            #expect(String(validating: part, as: UTF8.self) != nil, "each word is whole text")
            bytes += part
        }
        #expect(String(decoding: bytes, as: UTF8.self) == said)
    }

    @Test("an address that was not checked anywhere still makes no header")
    func addresses() {
        let all = lines(mail(from: "cf@example.com>\r\nBcc: <eve@example.com", to: "ann@example.com\r\nSubject: x"))
        #expect(all.prefix { !$0.isEmpty }.filter { $0.lowercased().hasPrefix("bcc") }.isEmpty)
        #expect(all.filter { $0.hasPrefix("Subject:") } == ["Subject: s"])
    }

    @Test("days and months are those of the calendar", arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 +0000"), (951_827_696, "Tue, 29 Feb 2000 12:34:56 +0000"), (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
    ])
    func dates(seconds: Int, text: String) { #expect(MailText.date(Timestamp(seconds: Int64(seconds))) == text) }
}
