import Glibc
import Kernel
import Testing
import Wire

@testable import HTTPClient

/// A mail server of plain text that says what it is told: for what must happen before TLS. A real one is spoken with in ops/test.
private final class PlainMailServer: Sendable {
    let port: Int
    private let listener: Int32
    private let heard = Locked<[String]>([])

    var lines: [String] { heard.with { $0 } }

    /// - ehlo: the answer to EHLO.
    init(ehlo: String) {
        let (listener, port) = listeningSocket()
        (self.listener, self.port) = (listener, port)
        let heard = heard
        startThread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else {
                    // Not `stop`: a number that is free while this thread may still accept is another server's next.
                    close(listener)
                    return
                }
                PlainMailServer.serve(client, ehlo, heard)
                close(client)
            }
        }
    }

    private static func serve(_ client: Int32, _ ehlo: String, _ heard: Locked<[String]>) {
        func say(_ text: String) { _ = text.withCString { send(client, $0, strlen($0), Int32(MSG_NOSIGNAL)) } }
        say("220 there\r\n")
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let n = recv(client, &chunk, chunk.count, 0), n > 0 {
            pending += chunk[..<n]
            while let end = pending.firstIndex(of: 10) {
                let line = String(decoding: pending[..<end], as: UTF8.self).filter { !$0.isNewline }
                pending.removeFirst(end + 1)
                heard.with { $0.append(line) }
                say(line.hasPrefix("EHLO") ? ehlo : line.hasPrefix("QUIT") ? "221 bye\r\n" : "502 no\r\n")
            }
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}

@Suite("Mail") struct MailTests {
    private func mail(_ server: String, from: String = "cf@example.com", to: String = "ann@example.com", user: String? = nil, message: [UInt8] = Array("Subject: s\r\n\r\nb\r\n".utf8)) -> Mail {
        Mail(server: server, user: user, password: user.map { _ in Secret("hush") }, from: from, to: to, message: message)
    }

    private func send(_ mail: Mail, allowing hosts: [String] = []) async -> Fault? {
        let client = HTTPClient(policy: EgressPolicy(allowedHosts: hosts))
        let outcome = await client.send(mail, timeout: .seconds(10))
        await client.shutdown()
        switch outcome {
        case .failed(let fault): return fault
        case .accepted(let said), .refused(_, let said):
            Issue.record("answered: \(said)")
            return nil
        }
    }

    @Test("mail passes the same guard: no private address, no other scheme, no user in the address, no odd port where anybody may name a server", arguments: [
        "smtp://127.0.0.1", "smtps://10.0.0.1:465", "smtp://[::1]:587", "smtps://169.254.169.254", "http://mail.example.com", "smtp://user:pw@mail.example.com", "mail.example.com",
        "smtps://8.8.8.8:6379", "smtp://8.8.8.8:22", "file:///etc/passwd", "smtp:///x",
    ])
    func guarded(server: String) async { #expect(await send(mail(server))?.code == "egress_refused", "\(server)") }

    @Test("web addresses stay what they were: a mail server is none")
    func schemes() {
        #expect(throws: Fault.self) { try EgressPolicy(allowedHosts: []).check("smtps://mail.example.com") }
        #expect(throws: Fault.self) { try EgressPolicy(allowedHosts: ["mail.example.com:465"]).check("smtps://mail.example.com") }
    }

    @Test("an address that could be a command is not written", arguments: [
        "ann@example.com>\r\nRCPT TO:<eve@example.com", "ann example", "", "a@b@c", "<ann@example.com>", "ann@example.com ", "ann@exämple.com",
    ])
    func addresses(text: String) async {
        #expect(await send(mail("smtps://mail.example.com", to: text))?.code == "mail_malformed")
        #expect(await send(mail("smtps://mail.example.com", from: text))?.code == "mail_malformed")
        #expect(await send(mail("smtps://mail.example.com", user: "a\r\nb"))?.code == "mail_malformed")
    }

    @Test("a server that offers no STARTTLS gets neither login nor mail")
    func noTLS() async {
        let server = PlainMailServer(ehlo: "250-there\r\n250 AUTH PLAIN LOGIN\r\n")
        defer { server.stop() }
        let fault = await send(mail("smtp://127.0.0.1:\(server.port)", user: "cf"), allowing: ["127.0.0.1:\(server.port)"])
        #expect(fault?.code == "mail_without_tls" && fault?.disposition == .hold)
        #expect(server.lines.first == "EHLO example.com", "the sender's domain, not this machine's name")
        #expect(!server.lines.contains { $0.hasPrefix("AUTH") || $0.hasPrefix("MAIL") }, "\(server.lines)")
    }

    @Test("one that takes STARTTLS back is not spoken to in plain either")
    func strippedTLS() async {
        let server = PlainMailServer(ehlo: "250-there\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
        defer { server.stop() }
        #expect(await send(mail("smtp://127.0.0.1:\(server.port)", user: "cf"), allowing: ["127.0.0.1:\(server.port)"]) != nil)
        #expect(server.lines.contains("STARTTLS") && !server.lines.contains { $0.hasPrefix("AUTH") || $0.hasPrefix("MAIL") }, "\(server.lines)")
    }

    @Test("nobody at the port, and a message that is too large, are told apart from a refusal")
    func unreachable() async {
        let server = PlainMailServer(ehlo: "250 there\r\n")
        server.stop()
        #expect(await send(mail("smtps://127.0.0.1:\(server.port)"), allowing: ["127.0.0.1:\(server.port)"])?.code == "connect_failed")
        #expect(await send(mail("smtps://127.0.0.1:\(server.port)", message: [UInt8](repeating: 65, count: 2 << 20)), allowing: ["127.0.0.1:\(server.port)"]) != nil)
    }
}
