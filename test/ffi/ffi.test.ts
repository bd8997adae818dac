import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Block } from '../../src/ffi/block.ts';
import { Errno, errnoName, SystemCallError, succeed } from '../../src/ffi/errno.ts';
import * as libc from '../../src/ffi/libc.ts';
import { lastErrno } from '../../src/ffi/library.ts';
import * as openssl from '../../src/ffi/openssl.ts';
import { Iovec, Mmsghdr, Pollfd, Sockaddr } from '../../src/ffi/structs.ts';

test('errno is that of the call before', () => {
  assert.equal(libc.close(-1), -1);
  assert.equal(lastErrno(), 9);
  assert.throws(
    () => succeed(libc.open('/nonexistent', 0), 'open'),
    (error) => {
      assert.ok(error instanceof SystemCallError);
      assert.equal(error.message, 'open: ENOENT');
      return error.errno === Errno.ENOENT;
    },
  );
  assert.equal(errnoName(9999), 'errno 9999');
});

test('a block keeps its address and is seen by C', () => {
  const fd = succeed(libc.eventfd(3, libc.EFD_NONBLOCK | libc.EFD_CLOEXEC), 'eventfd');
  const block = new Block(8);
  assert.equal(libc.read(fd, block.address, 8), 8);
  assert.equal(block.view.getUint32(0, true), 3);
  assert.equal(libc.read(fd, block.address, 8), -1);
  assert.equal(lastErrno(), Errno.EAGAIN);
  block.view.setUint32(0, 7, true);
  assert.equal(libc.write(fd, block.address, 8), 8);

  const pollfd = new Block(Pollfd.size);
  pollfd.view.setInt32(Pollfd.fd, fd, true);
  pollfd.view.setUint16(Pollfd.events, libc.POLLIN, true);
  assert.equal(libc.poll(pollfd.address, 1, 0), 1);
  assert.equal(pollfd.view.getUint16(Pollfd.revents, true), libc.POLLIN);
  assert.equal(libc.close(fd), 0);
});

test("datagrams cross with sendmsg and recvmmsg: the layouts are the kernel's", () => {
  const name = new Block(Sockaddr.v4Size);
  name.view.setUint16(Sockaddr.family, libc.AF_INET, true);
  name.bytes.set([127, 0, 0, 1], Sockaddr.v4Address);
  const length = new Block(8);
  length.view.setUint32(0, Sockaddr.v4Size, true);
  const fd = succeed(libc.socket(libc.AF_INET, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0), 'socket');
  try {
    succeed(libc.bind(fd, name.address, Sockaddr.v4Size), 'bind');
    succeed(libc.getsockname(fd, name.address, length.address), 'getsockname');
    const port = name.view.getUint16(Sockaddr.port);
    assert.ok(port > 0);

    const data = new Block(64);
    data.bytes.set(new TextEncoder().encode('hello'));
    const iovec = new Block(Iovec.size);
    iovec.setPointer(Iovec.base, data.address);
    iovec.view.setUint32(Iovec.length, 5, true);
    const message = new Block(Mmsghdr.size);
    message.setPointer(Mmsghdr.name, name.address);
    message.view.setUint32(Mmsghdr.nameLength, Sockaddr.v4Size, true);
    message.setPointer(Mmsghdr.iovecs, iovec.address);
    message.view.setUint32(Mmsghdr.iovecCount, 1, true);
    assert.equal(succeed(libc.sendmsg(fd, message.address, 0), 'sendmsg'), 5);

    data.bytes.fill(0);
    name.bytes.fill(0);
    iovec.view.setUint32(Iovec.length, 64, true);
    assert.equal(succeed(libc.recvmmsg(fd, message.address, 1, 0, 0), 'recvmmsg'), 1);
    assert.equal(message.view.getUint32(Mmsghdr.transferred, true), 5);
    assert.equal(new TextDecoder().decode(data.bytes.subarray(0, 5)), 'hello');
    assert.equal(name.view.getUint16(Sockaddr.port), port);
    assert.deepEqual([...name.bytes.subarray(4, 8)], [127, 0, 0, 1]);
  } finally {
    libc.close(fd);
  }
});

test('OpenSSL: AES-128-CBC of NIST SP 800-38A F.2.1, first block', () => {
  const block = new Block(256);
  const hex = (text: string, at: number) => block.bytes.set(Buffer.from(text, 'hex'), at);
  hex('2b7e151628aed2a6abf7158809cf4f3c', 0);
  hex('000102030405060708090a0b0c0d0e0f', 16);
  hex('6bc1bee22e409f96e93d7e117393172a', 32);
  const at = block.address;
  const cipher = openssl.EVP_CIPHER_fetch(0, 'AES-128-CBC', 0);
  const ctx = openssl.EVP_CIPHER_CTX_new();
  assert.equal(openssl.EVP_EncryptInit_ex2(ctx, cipher, at, at + 16, 0), 1);
  assert.equal(openssl.EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
  assert.equal(openssl.EVP_EncryptUpdate(ctx, at + 64, at + 128, at + 32, 16), 1);
  assert.equal(block.view.getInt32(128, true), 16);
  assert.equal(Buffer.from(block.bytes.subarray(64, 80)).toString('hex'), '7649abac8119b246cee98e9b12e9197d');
  openssl.EVP_CIPHER_CTX_free(ctx);
  openssl.EVP_CIPHER_free(cipher);
});

test('OpenSSL: an unknown algorithm is a null pointer, not a crash', () => {
  assert.equal(openssl.EVP_CIPHER_fetch(0, 'ROT-13', 0), 0);
  openssl.ERR_clear_error();
});
