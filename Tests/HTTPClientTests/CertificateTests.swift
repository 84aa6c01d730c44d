import COpenSSL
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import HTTPClient

/// Nothing is said to a peer that can't prove who it is.
@Suite("Certificates")
struct CertificateTests {
    /// A server with this identity, and a client that trusts the authorities of `trusted` alone; nil: those of the system.
    private func with(
        _ identity: TLSIdentity, trusting trusted: TLSIdentity?, _ script: @escaping @Sendable (ScriptedServer.Received) -> ScriptedServer.Action = { _ in .reply(ok()) },
        _ body: (ScriptedServer, HTTPClient) async throws -> Void
    ) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).pem").path
        if let trusted { try Data(trusted.authority.utf8).write(to: URL(filePath: file)) }
        let server = ScriptedServer(identity: identity, script)
        let sender = client([server.host, "localhost:\(server.port)"], certificatesFile: trusted == nil ? nil : file)
        do { try await body(server, sender) } catch {
            Issue.record(error)
        }
        await sender.shutdown()
        await server.stop()
        if trusted != nil { try FileManager.default.removeItem(atPath: file) }
    }

    private func write(_ server: ScriptedServer, host: String = "127.0.0.1") -> HTTPRequest {
        HTTPRequest(.post, server.url("/v3/invoice", scheme: "https", host: host), fields: ["Authorization": "Bearer s3cret"], body: Array("amount=119".utf8))
    }

    /// It fails with the code, nothing was written, and the sentence tells what to look at.
    private func expectRefused(_ identity: TLSIdentity, trusting trusted: TLSIdentity?, _ code: String, host: String = "127.0.0.1") async throws {
        try await with(identity, trusting: trusted) { server, client in
            for method in [HTTPMethod.post, .get] {
                var request = write(server, host: host)
                request.method = method
                let outcome = await client.send(request, timeout: .seconds(10))
                expectNotSent(outcome, code)
                #expect(outcome.fault?.remedy.isEmpty == false)
                #expect(outcome.fault.map { "\($0)".contains("s3cret") } == false)
            }
            #expect(server.received.isEmpty && server.connections > 0)
        }
    }

    @Test("a certificate of an authority that is trusted is one: the request is answered, and the connection used again")
    func trusted() async throws {
        let identity = TLSIdentity()
        try await with(identity, trusting: identity) { server, client in
            for _ in 0 ..< 3 { #expect(expectAnswered(await client.send(write(server), timeout: .seconds(10)))?.bodyText == "ok") }
            #expect(server.sessions == 1 && server.received.map(\.connection) == [1, 1, 1])
            #expect(server.received.first?.body == Array("amount=119".utf8))
        }
    }

    @Test("an authority that nobody here knows is not trusted, however good its certificate")
    func unknownAuthority() async throws {
        try await expectRefused(TLSIdentity(), trusting: nil, "tls_certificate_refused")
        try await expectRefused(TLSIdentity(), trusting: TLSIdentity(), "tls_certificate_refused")
        // Here OpenSSL stumbles over the signature itself, and libcurl calls that a session that did not come about.
        try await expectRefused(TLSIdentity(authority: "One name"), trusting: TLSIdentity(authority: "One name"), "tls_failed")
    }

    @Test("a certificate that signed itself is refused")
    func selfSigned() async throws {
        try await expectRefused(TLSIdentity(signer: .itself), trusting: nil, "tls_certificate_refused")
        try await expectRefused(TLSIdentity(signer: .itself), trusting: TLSIdentity(), "tls_certificate_refused")
    }

    @Test("a certificate for somebody else is refused, by address and by name")
    func otherName() async throws {
        let other = TLSIdentity(address: [127, 0, 0, 2])
        try await expectRefused(other, trusting: other, "tls_certificate_refused")
        let address = TLSIdentity()
        try await expectRefused(address, trusting: address, "tls_certificate_refused", host: "localhost")
    }

    @Test("a certificate that is over, or has not begun, is refused", arguments: [-7_200 ... -60, 3_600 ... 7_200])
    func outOfTime(valid: ClosedRange<Int>) async throws {
        let identity = TLSIdentity(valid: valid)
        try await expectRefused(identity, trusting: identity, "tls_certificate_refused")
    }

    @Test("a peer that speaks nothing newer than TLS 1.1 is not spoken to", arguments: [TLS1_VERSION, TLS1_1_VERSION])
    func oldVersions(newest: Int32) async throws {
        let identity = TLSIdentity(newest: newest)
        try await expectRefused(identity, trusting: identity, "tls_failed")
    }

    @Test("a file of authorities that is not there trusts nobody")
    func noFile() async throws {
        let identity = TLSIdentity()
        try await with(identity, trusting: nil) { server, _ in
            let client = HTTPClient(policy: EgressPolicy(allowedHosts: [server.host]), certificatesFile: "/nowhere/\(UUID().uuidString).pem")
            expectNotSent(await client.send(write(server), timeout: .seconds(10)), "tls_certificate_refused")
            await client.shutdown()
            #expect(server.received.isEmpty)
        }
    }

    @Test("a mail server that can't prove who it is gets neither login nor mail")
    func mail() async throws {
        try await with(TLSIdentity(), trusting: TLSIdentity()) { server, client in
            let mail = Mail(server: "smtps://127.0.0.1:\(server.port)", user: "cf", password: Secret("hush"), from: "cf@example.com", to: "ann@example.com", message: Array("Subject: s\r\n\r\nb\r\n".utf8))
            guard case .failed(let fault) = await client.send(mail, timeout: .seconds(10)) else {
                Issue.record("it was spoken to")
                return
            }
            #expect(fault.code == "tls_certificate_refused" && fault.disposition == .hold)
            #expect(server.sessions == 0)
        }
    }

    // What holds in plain holds under TLS, where a connection's end is more than one message.

    @Test("under TLS, too, an idle connection that the peer closed is noticed: a write goes over a new one and is answered")
    func idleClosed() async throws {
        let identity = TLSIdentity()
        try await with(identity, trusting: identity, { $0.number == 1 ? .replyAndClose(ok()) : .reply(ok()) }) { server, client in
            #expect(expectAnswered(await client.send(write(server), timeout: .seconds(10))) != nil)
            await server.waitForClosed(1)
            #expect(expectAnswered(await client.send(write(server), timeout: .seconds(10))) != nil)
            #expect(server.received.map(\.connection) == [1, 2])
        }
    }

    @Test("under TLS, too, bytes that nobody asked for are no answer")
    func unaskedBytes() async throws {
        let identity = TLSIdentity()
        try await with(identity, trusting: identity, { $0.number == 1 ? .replyThen(ok(), unasked: ok("another's"), closes: false) : .reply(ok("its own")) }) { server, client in
            #expect(expectAnswered(await client.send(write(server), timeout: .seconds(10))) != nil)
            await server.goOn()
            #expect(expectAnswered(await client.send(write(server), timeout: .seconds(10)))?.bodyText == "its own")
            #expect(server.received.map(\.connection) == [1, 2])
        }
    }

    @Test("under TLS, too, an answer that is torn leaves the outcome unknown")
    func torn() async throws {
        let identity = TLSIdentity()
        try await with(identity, trusting: identity, { _ in .replyAndClose("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"Id\"") }) { server, client in
            expectUnknown(await client.send(write(server), timeout: .seconds(10)), "reply_torn")
            #expect(server.received.count == 1)
        }
    }
}
